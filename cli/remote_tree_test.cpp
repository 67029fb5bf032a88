#include "cli/remote_tree.h"

#include <gtest/gtest.h>

#include "cli/memory_site.h"
#include "core/limits.h"

namespace outboard::cli {
namespace {

class Alone final : public Server {
 public:
  explicit Alone(Store& store) : store_(store) {}
  Result<Store*> store() override { return &store_; }
  Result<Admin*> admin() override { return Error{Code::no_access, "no administrator"}; }
  Result<Audit*> audit() override { return Error{Code::unsupported, "none here"}; }
  Result<Revisions*> revisions() override { return Error{Code::unsupported, "none here"}; }
  Result<Examiner*> examiner() override { return Error{Code::unsupported, "none here"}; }
  Result<client::MountReport> mount(const std::string&) override {
    return Error{Code::unavailable, "none here"};
  }
  Result<client::WarmReport> warm_mount(const std::string&, const std::string&,
                                        std::uint64_t) override {
    return Error{Code::unavailable, "none here"};
  }
  Result<std::map<std::string, std::uint64_t>> await_mount(
      const std::string&, const std::map<std::string, std::uint64_t>&) override {
    return Error{Code::unavailable, "none here"};
  }
  Result<std::vector<ViewSpec>> change_views(const std::string&,
                                             const client::ViewChange&) override {
    return Error{Code::unavailable, "none here"};
  }
  Status renew_mount_token(const std::string&, const std::string&) override {
    return Error{Code::unavailable, "none here"};
  }
  Result<client::Agent*> agent() override { return Error{Code::unsupported, "there is none"}; }
  Result<Roster*> roster() override { return Error{Code::unsupported, "there is none"}; }
  Result<MintedToken> sign_in(const Call&, const std::string&) override {
    return Error{Code::unsupported, "nobody signs in"};
  }
  ClientId client() const override { return {}; }
  std::string version() const override { return {}; }

 private:
  Store& store_;
};

class RemoteTreeTest : public testing::Test {
 protected:
  RemoteTreeTest() : volume(site.store.add_volume("acme/skills")) {}

  void publish(const std::string& parent, const std::string& name, const std::string& bytes) {
    Batch batch;
    Publish op;
    op.at = NameRef{parent, name};
    op.bytes = bytes;
    op.parents = true;
    batch.steps.push_back(Step{std::move(op), {}});
    ASSERT_TRUE(site.store.apply({}, volume, batch));
  }
  Result<RemoteTree> read(std::uint64_t nodes, const std::vector<std::string>& roots) {
    Volume described;
    described.id = volume;
    described.used_nodes = nodes;
    return read_tree(context, site.store, described, roots, 1);
  }

  MemorySite site;
  VolumeId volume;
  Alone server{site.store};
  std::istringstream in;
  std::ostringstream out;
  Screen screen{out, out, {}};
  Context context{server, screen, site.clock, in, {"acme", "here", std::chrono::seconds(1), false}};
};

TEST_F(RemoteTreeTest, ASnapshotAndListingsShowTheSame) {
  publish("/one", "SKILL.md", "1");
  publish("/one/a/b", "deep", "2");
  publish("/two", "SKILL.md", "3");
  publish("/one-more", "SKILL.md", "4");
  const std::uint64_t few = 10;
  const std::uint64_t many = 1'000'000;  // listed directory by directory
  for (const auto& roots : std::vector<std::vector<std::string>>{{"/one"}, {"/one", "/two"}}) {
    const auto by_snapshot = read(few, roots);
    const auto by_listing = read(many, roots);
    ASSERT_TRUE(by_snapshot && by_listing);
    EXPECT_EQ(by_snapshot->nodes, by_listing->nodes);
    EXPECT_FALSE(by_listing->nodes.contains("/one-more"));
    EXPECT_TRUE(by_listing->nodes.contains("/one/a/b/deep"));
    EXPECT_EQ(by_listing->seq, by_snapshot->seq);
  }
}

TEST_F(RemoteTreeTest, WhatIsAbsentAddsNothing) {
  EXPECT_TRUE(read(1'000'000, {"/none"})->nodes.empty());
  EXPECT_TRUE(read(1, {"/none"})->nodes.empty());
}

TEST_F(RemoteTreeTest, LongContentComesInParts) {
  std::string bytes;
  for (std::size_t i = 0; i < 2 * kReadBytesMax + 7; ++i) bytes += static_cast<char>(i % 251);
  publish("/", "big", bytes);
  const Node node = read(1, {"/"})->nodes.at("/big");
  std::string got;
  std::size_t parts = 0;
  const auto take = [&](std::string_view part) {
    got += part;
    ++parts;
    return success();
  };
  ASSERT_TRUE(read_content(context, site.store, volume, node, take));
  EXPECT_EQ(got, bytes);
  EXPECT_EQ(parts, 3U);
  Node undigested = node;
  undigested.digest.reset();
  EXPECT_TRUE(*has_content(context, site.store, volume, undigested, bytes.size(), sha256(bytes)));
  bytes.back() ^= 1;
  EXPECT_FALSE(*has_content(context, site.store, volume, undigested, bytes.size(), sha256(bytes)));
}

}  // namespace
}  // namespace outboard::cli
