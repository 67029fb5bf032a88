#include "tests/conformance/store_suite.h"

#include "core/limits.h"

namespace outboard::tests {

// Each store's program instantiates the suite; the suite alone is no program.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreSuite);

Result<Applied> StoreSuite::apply(std::vector<Step> steps) {
  Batch batch;
  batch.steps = std::move(steps);
  return store().apply(call(), volume_, batch);
}

Result<Applied> StoreSuite::apply(Op op, Precondition when) {
  return apply(std::vector<Step>{Step{std::move(op), std::move(when)}});
}

Outcome StoreSuite::done(Op op, Precondition when) {
  const std::string name(name_of(op));
  auto applied = apply(std::move(op), std::move(when));
  if (!applied) {
    ADD_FAILURE() << name << ": " << applied.error().message;
    return {};
  }
  EXPECT_EQ(applied->outcomes.size(), 1U);
  return applied->outcomes.at(0);
}

Code StoreSuite::refused(Op op, Precondition when) {
  const std::string name(name_of(op));
  auto applied = apply(std::move(op), std::move(when));
  if (applied) {
    ADD_FAILURE() << name << " should have been refused";
    return Code::corrupt;
  }
  EXPECT_FALSE(applied.error().message.empty());
  return applied.error().code;
}

NameRef StoreSuite::at(const std::string& path) {
  const auto [parent, name] = split_last(path);
  return NameRef{std::string(parent), std::string(name)};
}

Node StoreSuite::put(const std::string& path, std::string bytes) {
  Publish publish;
  publish.at = at(path);
  publish.bytes = std::move(bytes);
  publish.parents = true;
  return done(std::move(publish)).node;
}

void StoreSuite::use_policy(Policy policy) {
  VolumeSettings settings;
  settings.policy = policy;
  use_volume(settings);
}

Outcome StoreSuite::publish(const std::string& path, Version base, std::string bytes) {
  Publish publish;
  publish.at = at(path);
  publish.base = base;
  publish.bytes = std::move(bytes);
  return done(std::move(publish));
}

Node StoreSuite::mkdir(const std::string& path) {
  MakeDirectory make;
  make.at = at(path);
  make.parents = true;
  return done(std::move(make)).node;
}

Result<Node> StoreSuite::node(const std::string& path) {
  auto found = store().attributes(call(), volume_, NodeRef{path});
  if (!found) return found.error();
  return found->value;
}

std::string StoreSuite::content(Inode inode, Version version) {
  std::string bytes;
  for (;;) {
    auto part = store().read(call(), volume_, inode, version, bytes.size(), kPartBytes);
    if (!part) return "[" + std::string(name_of(part.error().code)) + "]";
    bytes += part->value.bytes;
    if (part->value.bytes.empty() || bytes.size() >= part->value.size) return bytes;
  }
}

std::string StoreSuite::content(const std::string& path) {
  auto found = node(path);
  if (!found) return "[" + std::string(name_of(found.error().code)) + "]";
  return content(found->inode, found->version);
}

std::vector<std::string> StoreSuite::names(const std::string& directory) {
  auto page = store().list(call(), volume_, NodeRef{directory}, "", 0);
  std::vector<std::string> found;
  if (!page) return {"[" + std::string(name_of(page.error().code)) + "]"};
  for (const Entry& entry : page->value.entries) found.push_back(entry.dentry.name);
  return found;
}

Seq StoreSuite::head() {
  auto volume = store().describe(call(), volume_);
  EXPECT_TRUE(volume);
  return volume ? volume->head : Seq{};
}

std::vector<Change> StoreSuite::log() {
  HistoryQuery query;
  query.newest_first = false;
  query.limit = kPageEntriesMax;
  auto changes = store().history(call(), volume_, query);
  EXPECT_TRUE(changes);
  return changes ? changes->value : std::vector<Change>{};
}

std::string pattern(std::size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  std::uint32_t state = seed * 2'654'435'761U + 1;
  for (char& byte : bytes) {
    state = state * 1'664'525U + 1'013'904'223U;
    byte = static_cast<char>(state >> 24U);
  }
  return bytes;
}

}  // namespace outboard::tests
