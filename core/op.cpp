#include "core/op.h"

#include <algorithm>
#include <type_traits>

#include "core/limits.h"
#include "core/path.h"

namespace outboard {
namespace {

// Calls the lambda that fits.
template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

constexpr std::uint32_t kModeBits = 07777;

Error broken(Code code, std::string message, std::string subject = {}) {
  return Error{code, std::move(message), std::move(subject)};
}

Status check_ref(const NodeRef& ref) {
  if (const auto* path = std::get_if<std::string>(&ref)) return check_path(*path);
  if (std::get<Inode>(ref)) return success();
  return broken(Code::invalid, "inode 0 names no node: give its inode or its path", "0");
}

Status check_at(const NameRef& at) {
  if (auto good = check_ref(at.parent); !good) return good;
  return check_name(at.name);
}

Status check_mode(std::uint32_t mode) {
  if ((mode & ~kModeBits) == 0) return success();
  return broken(Code::invalid, "a mode has permission bits only (07777): the type is the op's");
}

Status check_size(std::uint64_t size) {
  if (size <= kFileBytesMax) return success();
  return broken(Code::too_big, "a file of " + std::to_string(size) + " bytes, the limit is " +
                                   std::to_string(kFileBytesMax) + ": split it");
}

Status check_xattr_name(const std::string& name) {
  if (!name.empty() && name.size() <= kXattrNameBytesMax && name.find('\0') == name.npos) {
    return success();
  }
  return broken(Code::invalid,
                "the attribute name \"" + name.substr(0, 64) +
                    "\" is empty, has a NUL or is over " + std::to_string(kXattrNameBytesMax) +
                    " bytes",
                name.substr(0, 64));
}

Status first_of(Status a, Status b) {
  return a ? std::move(b) : std::move(a);
}

Status check_one(const CreateFile& op) {
  return first_of(check_at(op.at), check_mode(op.mode));
}
Status check_one(const MakeDirectory& op) {
  return first_of(check_at(op.at), check_mode(op.mode));
}

Status check_one(const MakeNode& op) {
  if (op.kind == Kind::file || op.kind == Kind::directory || op.kind == Kind::symlink) {
    return broken(Code::invalid, "files, directories and symlinks have operations of their own",
                  op.at.name);
  }
  return first_of(check_at(op.at), check_mode(op.mode));
}

Status check_one(const MakeSymlink& op) {
  if (op.target.empty() || op.target.find('\0') != op.target.npos) {
    return broken(Code::invalid, "a symlink's target is empty or has a NUL in it", op.at.name);
  }
  if (op.target.size() > kSymlinkBytesMax) {
    return broken(Code::name_too_long,
                  "a symlink's target has " + std::to_string(op.target.size()) +
                      " bytes, the limit is " + std::to_string(kSymlinkBytesMax),
                  op.at.name);
  }
  return check_at(op.at);
}

Status check_one(const MakeLink& op) {
  return first_of(check_ref(op.node), check_at(op.at));
}
Status check_one(const Rename& op) {
  return first_of(check_at(op.from), check_at(op.to));
}
Status check_one(const Unlink& op) {
  return check_at(op.at);
}
Status check_one(const RemoveDirectory& op) {
  return check_at(op.at);
}

Status check_one(const SetAttributes& op) {
  return first_of(check_ref(op.node), check_mode(op.mode.value_or(0)));
}

Status check_one(const SetXattr& op) {
  if (op.value.size() > kXattrValueBytesMax) {
    return broken(Code::too_big,
                  "the attribute \"" + op.name.substr(0, 64) + "\" has " +
                      std::to_string(op.value.size()) + " bytes, the limit is " +
                      std::to_string(kXattrValueBytesMax),
                  op.name.substr(0, 64));
  }
  return first_of(check_ref(op.node), check_xattr_name(op.name));
}

Status check_one(const RemoveXattr& op) {
  return first_of(check_ref(op.node), check_xattr_name(op.name));
}

Status check_extents(const std::vector<Extent>& extents) {
  for (const Extent& extent : extents) {
    // Each on its own first: their sum could wrap.
    if (auto good = check_size(extent.offset); !good) return good;
    if (auto good = check_size(extent.end()); !good) return good;
  }
  return success();
}

Status check_one(const Write& op) {
  if (auto good = check_extents(op.extents); !good) return good;
  if (op.merged) {
    if (!op.base) {
      return broken(Code::invalid,
                    "a write says what was merged of it, but not on which version it is based");
    }
    if (auto good = check_extents(op.merged->extents); !good) return good;
    if (auto good = check_size(op.merged->size.value_or(0)); !good) return good;
  }
  return first_of(check_ref(op.node), check_size(op.size.value_or(0)));
}

Status check_one(const Truncate& op) {
  return first_of(check_ref(op.node), check_size(op.size));
}
Status check_one(const Append& op) {
  return check_ref(op.node);
}

Status check_one(const Publish& op) {
  if (auto good = check_size(op.bytes.size()); !good) return good;
  return first_of(check_at(op.at), check_mode(op.mode.value_or(0)));
}

Status check_one(const Restore& op) {
  if (auto good = check_ref(op.inode); !good || !op.to) return good;
  return check_at(*op.to);
}
Status check_one(const Redact& op) {
  return check_ref(op.inode);
}

Status check_step(const Step& step) {
  if (step.when.absent && (step.when.version || step.when.digest)) {
    return broken(Code::invalid,
                  "a precondition asks for absence and for content at once: choose one");
  }
  return std::visit([](const auto& op) { return check_one(op); }, step.op);
}

Status check_request(const Batch& batch) {
  if (!batch.request.client ||
      (batch.request.number > 0 && batch.acknowledged < batch.request.number)) {
    return success();
  }
  return broken(Code::invalid,
                "a request number starts at 1 and is above what is acknowledged; this one is " +
                    std::to_string(batch.request.number) + " with " +
                    std::to_string(batch.acknowledged) + " acknowledged");
}

}  // namespace

std::string_view name_of(const Op& op) {
  return std::visit(
      Overloaded{
          [](const CreateFile&) { return "create"; }, [](const MakeDirectory&) { return "mkdir"; },
          [](const MakeNode&) { return "mknod"; }, [](const MakeSymlink&) { return "symlink"; },
          [](const MakeLink&) { return "link"; }, [](const Rename&) { return "rename"; },
          [](const Unlink&) { return "unlink"; }, [](const RemoveDirectory&) { return "rmdir"; },
          [](const SetAttributes&) { return "setattr"; },
          [](const SetXattr&) { return "setxattr"; },
          [](const RemoveXattr&) { return "removexattr"; }, [](const Write&) { return "write"; },
          [](const Truncate&) { return "truncate"; }, [](const Append&) { return "append"; },
          [](const Publish&) { return "publish"; }, [](const Restore&) { return "restore"; },
          [](const Redact&) { return "redact"; }},
      op);
}

std::string subject_of(const Op& op) {
  const auto of_node = [](const NodeRef& node) {
    const auto* path = std::get_if<std::string>(&node);
    return path != nullptr ? *path : "inode " + to_string(std::get<Inode>(node));
  };
  const auto of_name = [&](const NameRef& name) { return join(of_node(name.parent), name.name); };
  return std::visit(
      [&](const auto& which) {
        using Which = std::decay_t<decltype(which)>;
        if constexpr (std::is_same_v<Which, Rename>) {
          return of_name(which.from) + " -> " + of_name(which.to);
        } else if constexpr (requires { which.at; }) {
          return of_name(which.at);
        } else if constexpr (requires { which.node; }) {
          return of_node(which.node);
        } else {
          return of_node(which.inode);
        }
      },
      op);
}

std::uint64_t bytes_of(const Op& op) {
  if (const auto* append = std::get_if<Append>(&op)) return append->bytes.size();
  if (const auto* publish = std::get_if<Publish>(&op)) return publish->bytes.size();
  const auto* write = std::get_if<Write>(&op);
  if (write == nullptr) return 0;
  std::uint64_t bytes = 0;
  for (const Extent& extent : write->extents) bytes += extent.bytes.size();
  if (!write->merged) return bytes;
  for (const Extent& extent : write->merged->extents) bytes += extent.bytes.size();
  return bytes;
}

std::uint64_t bytes_of(const Batch& batch) {
  std::uint64_t bytes = 0;
  for (const Step& step : batch.steps) bytes += bytes_of(step.op);
  return bytes;
}

Status check_batch(const Batch& batch) {
  if (batch.steps.empty()) return broken(Code::invalid, "a batch without steps does nothing");
  if (batch.steps.size() > kBatchStepsMax) {
    return broken(Code::too_big, "a batch of " + std::to_string(batch.steps.size()) +
                                     " steps, the limit is " + std::to_string(kBatchStepsMax) +
                                     ": send several");
  }
  if (bytes_of(batch) > kBatchBytesMax) {
    return broken(Code::too_big, "a batch of " + std::to_string(bytes_of(batch)) +
                                     " bytes, the limit is " + std::to_string(kBatchBytesMax) +
                                     ": send several");
  }
  if (auto good = check_request(batch); !good) return good;
  for (std::size_t i = 0; i < batch.steps.size(); ++i) {
    if (auto good = check_step(batch.steps[i]); !good) {
      Error error = good.error();
      error.step = static_cast<std::uint32_t>(i);
      return error;
    }
  }
  return success();
}

}  // namespace outboard
