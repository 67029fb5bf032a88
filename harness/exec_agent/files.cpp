#include "harness/exec_agent/files.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "core/limits.h"

namespace outboard::harness {
namespace {

Error file_error(int reason, const std::string& path) {
  const auto error = [&](Code code, const std::string& message) {
    return Error{code, path + ": " + message, path};
  };
  switch (reason) {
    case ENOENT: return error(Code::not_found, "no such file in the workspace; list it first");
    case EISDIR: return error(Code::is_directory, "a directory; name a file");
    case ENOTDIR: return error(Code::not_directory, "goes through something that is no directory");
    case EXDEV:
    case ELOOP:
      return error(Code::invalid, "leads out of the workspace; name a file below /workspace");
    case ENAMETOOLONG: return error(Code::name_too_long, "a name or path too long for a file");
    case EACCES:
    case EPERM: return error(Code::no_access, "not permitted to the sandbox's user; chmod it");
    case ENOSPC:
    case EDQUOT: return error(Code::no_space, "the workspace is full; remove something");
    case EROFS: return error(Code::read_only, "on a read-only filesystem");
    default: return error(Code::unavailable, std::strerror(reason));
  }
}

// Size and digest of a plain file; others could block or never end.
Result<OpenedFile> measured(Descriptor file, const std::string& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return file_error(errno, path);
  if (S_ISDIR(status.st_mode)) return file_error(EISDIR, path);
  if (!S_ISREG(status.st_mode)) {
    return Error{Code::invalid, path + ": not a plain file; the tools read no others", path};
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > kToolFileBytesMax) {
    return Error{Code::too_big,
                 path + ": " + std::to_string(size) + " bytes, the tools take at most " +
                     std::to_string(kToolFileBytesMax) + "; use a command such as head or sed",
                 path};
  }
  auto bytes = read_part(file.get(), 0, size);
  if (!bytes) return std::move(bytes).error();
  return OpenedFile{std::move(file), bytes->size(), sha256(*bytes)};
}

Status write_all(int file, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error(errno, path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return ::fsync(file) == 0 ? success() : Status(file_error(errno, path));
}

Status check_expected(const WorkspaceWrite& wanted, const std::optional<OpenedFile>& current) {
  if (!wanted.expected) return success();
  if (*wanted.expected == Sha256{}) {
    if (!current) return success();
    return Error{Code::conflict, wanted.path + ": exists already; read it, then change it",
                 wanted.path};
  }
  if (current && current->digest == *wanted.expected) return success();
  return Error{Code::conflict,
               wanted.path + (current ? ": changed since it was read; read it again"
                                      : ": is gone; it existed when it was read"),
               wanted.path};
}

}  // namespace

Result<std::string> read_part(int file, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const ssize_t n =
        ::pread(file, bytes.data() + got, size - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error(errno, "the file");
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

Result<Descriptor> Files::converse(InnerKind kind, const std::string& path, InnerAnswer& answer) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    return Error{Code::invalid, "the path is empty or has a NUL byte; name a file", path};
  }
  auto conversation = inner_.open(kind, {path});
  if (!conversation) return conversation;
  auto opened = next_answer(conversation->get(), std::chrono::steady_clock::now() + kReadDeadline);
  if (!opened || opened->message.kind != InnerKind::opened) return inner_gone();
  if (opened->message.value != 0) return file_error(opened->message.value, path);
  if (opened->fds.empty()) return inner_gone();
  answer = *std::move(opened);
  return conversation;
}

Result<OpenedFile> Files::open(const std::string& path) {
  InnerAnswer answer;
  auto conversation = converse(InnerKind::read_file, path, answer);
  if (!conversation) return std::move(conversation).error();
  return measured(std::move(answer.fds[0]), path);
}

Result<WorkspaceWritten> Files::write(const WorkspaceWrite& wanted) {
  InnerAnswer answer;
  auto conversation = converse(InnerKind::write_file, wanted.path, answer);
  if (!conversation) return std::move(conversation).error();
  std::optional<OpenedFile> current;
  if (answer.fds.size() > 1) {
    auto found = measured(std::move(answer.fds[1]), wanted.path);
    if (!found) return std::move(found).error();
    current = *std::move(found);
  }
  const Sha256 digest = sha256(wanted.bytes);
  if (current && current->digest == digest) return WorkspaceWritten{digest, true};
  if (auto expected = check_expected(wanted, current); !expected) {
    return std::move(expected).error();
  }
  if (auto written = write_all(answer.fds[0].get(), wanted.bytes, wanted.path); !written) {
    return std::move(written).error();
  }
  if (!send_message(conversation->get(),
                    {InnerKind::commit, static_cast<std::int32_t>(wanted.mode)})) {
    return inner_gone();
  }
  const auto placed =
      next_answer(conversation->get(), std::chrono::steady_clock::now() + kWriteDeadline);
  if (!placed || placed->message.kind != InnerKind::finished) return inner_gone();
  if (placed->message.value != 0) return file_error(placed->message.value, wanted.path);
  return WorkspaceWritten{digest, false};
}

}  // namespace outboard::harness
