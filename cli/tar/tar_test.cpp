// Archives, honest and hostile.
#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <vector>

#include "cli/tar/tar_reader.h"
#include "cli/tar/tar_writer.h"
#include "core/limits.h"

namespace outboard::tar {
namespace {

// The bytes of an archive, in pieces as a pipe gives them.
NextBytes stream(const std::string& bytes) {
  auto at = std::make_shared<std::size_t>(0);
  return [&bytes, at]() -> Result<std::string_view> {
    const std::string_view part = std::string_view(bytes).substr(*at, 1000);
    *at += part.size();
    return part;
  };
}

struct Member {
  TarEntry entry;
  std::string bytes;
};

Result<std::vector<Member>> read_all(const std::string& bytes) {
  TarReader reader(stream(bytes));
  std::vector<Member> members;
  for (;;) {
    auto entry = reader.next();
    if (!entry) return entry.error();
    if (!*entry) return members;
    members.push_back({**entry, ""});
    auto read = reader.read([&](std::string_view part) {
      members.back().bytes += part;
      return success();
    });
    if (!read) return read.error();
  }
}

std::string written(const std::vector<Member>& members) {
  std::string bytes;
  TarWriter writer([&](std::string_view part) {
    bytes += part;
    return success();
  });
  for (const Member& member : members) {
    EXPECT_TRUE(writer.begin(member.entry));
    EXPECT_TRUE(member.bytes.empty() || writer.write(member.bytes));
  }
  EXPECT_TRUE(writer.finish());
  return bytes;
}

// An archive of one member that no TarWriter would make.
std::string hostile(const std::string& name, unsigned type, const std::string& link = {},
                    std::int64_t size = 0) {
  std::string bytes(1U << 16U, '\0');
  std::size_t used = 0;
  auto* archive = archive_write_new();
  archive_write_set_format_pax_restricted(archive);
  archive_write_open_memory(archive, bytes.data(), bytes.size(), &used);
  auto* entry = archive_entry_new();
  archive_entry_set_pathname(entry, name.c_str());
  archive_entry_set_filetype(entry, type);
  archive_entry_set_perm(entry, 0644);
  archive_entry_set_size(entry, size);
  if (type == AE_IFLNK) archive_entry_set_symlink(entry, link.c_str());
  if (type == AE_IFREG && !link.empty()) archive_entry_set_hardlink(entry, link.c_str());
  archive_write_header(archive, entry);
  archive_entry_free(entry);
  if (size == 0) archive_write_close(archive);
  if (size != 0) used = 1536;  // the header alone
  archive_write_free(archive);
  bytes.resize(used);
  return bytes;
}

TEST(Tar, WhatIsWrittenIsReadAgain) {
  TarEntry top{"/", Kind::directory, 0755, 0, "", "", Timestamp{1'700'000'000'000'000'000}, {}};
  TarEntry directory{"/empty", Kind::directory, 0700, 0, "", "", {}, {}};
  TarEntry file{"/a/run", Kind::file, 0755, 5, "", "", {}, {{"user.note", std::string("x\0y", 3)}}};
  TarEntry link{"/a/l", Kind::symlink, 0777, 0, "../empty", "", {}, {}};
  TarEntry second{"/b", Kind::file, 0755, 0, "", "/a/run", {}, {}};
  const auto read =
      read_all(written({{top, ""}, {directory, ""}, {file, "hello"}, {link, ""}, {second, ""}}));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 5U);
  EXPECT_EQ((*read)[0].entry.path, "/");
  EXPECT_EQ((*read)[0].entry.modified, top.modified);
  EXPECT_EQ((*read)[1].entry.mode, 0700U);
  EXPECT_EQ((*read)[2].bytes, "hello");
  EXPECT_EQ((*read)[2].entry.xattrs, file.xattrs);
  EXPECT_EQ((*read)[3].entry.target, "../empty");
  EXPECT_EQ((*read)[4].entry.link_of, "/a/run");
}

TEST(Tar, WhatCannotStandInAVolumeIsRefusedByName) {
  for (const auto& archive :
       {hostile("/etc/passwd", AE_IFREG), hostile("a/../../x", AE_IFREG), hostile("..", AE_IFDIR),
        hostile("dev", AE_IFCHR), hostile("pipe", AE_IFIFO), hostile("l", AE_IFLNK, "/etc"),
        hostile("a/l", AE_IFLNK, "../../x"), hostile("h", AE_IFREG, "/etc/passwd"),
        hostile("h", AE_IFREG, "not-there"), hostile(std::string(300, 'n'), AE_IFREG),
        hostile("big", AE_IFREG, "", static_cast<std::int64_t>(kFileBytesMax) + 1)}) {
    const auto read = read_all(archive);
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().message.find("member"), std::string::npos) << read.error().message;
  }
}

TEST(Tar, WhatIsNoArchiveOrACutOneIsSaidToBe) {
  EXPECT_EQ(read_all("this is no archive, but a text of some length\n").error().code,
            Code::corrupt);
  const std::string whole =
      written({{TarEntry{"/f", Kind::file, 0644, 9000, "", "", {}, {}}, std::string(9000, 'x')}});
  EXPECT_EQ(read_all(whole.substr(0, 4000)).error().code, Code::corrupt);
  const auto none = read_all("");
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
}

}  // namespace
}  // namespace outboard::tar
