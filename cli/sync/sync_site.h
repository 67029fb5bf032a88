// What a sync's tests stand on: a folder, a volume in memory, and a store between that can be made
// to lose answers, refuse and lie.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "cli/sync/sync.h"
#include "core/memory_store.h"

namespace outboard::sync {
namespace fs = std::filesystem;

// Passes on what it is offered, when it is let.
class HeldSink final : public FeedSink {
 public:
  explicit HeldSink(std::shared_ptr<FeedSink> to) : to_(std::move(to)) {}
  bool offer(const std::shared_ptr<const FeedItem>& item) override {
    if (!holds) return to_->offer(item);
    items_.push_back(item);
    return true;
  }
  void release() {
    holds = false;
    for (const auto& item : std::exchange(items_, {})) to_->offer(item);
  }
  bool holds = false;

 private:
  const std::shared_ptr<FeedSink> to_;
  std::vector<std::shared_ptr<const FeedItem>> items_;
};

// A store that loses the answer to a batch, or may not be written to.
class WeakStore final : public Store {
 public:
  explicit WeakStore(MemoryStore& store) : store_(store) {}
  Result<Volume> open_volume(const Call& call, std::string_view name) override {
    return store_.open_volume(call, name);
  }
  Result<Volume> describe(const Call& call, VolumeId volume) override {
    return store_.describe(call, volume);
  }
  Result<Applied> apply(const Call& call, VolumeId volume, const Batch& batch) override {
    ++batches;
    if (refused) return *refused;
    if (sink && lose_answer) sink->holds = true;
    if (sink && !lose_answer) sink->release();
    auto applied = store_.apply(call, volume, batch);
    if (std::exchange(lose_answer, false)) return Error{Code::unavailable, "the answer was lost"};
    return applied;
  }
  Result<At<Entry>> lookup(const Call& call, VolumeId volume, const NameRef& name,
                           const ReadAt& at) override {
    return store_.lookup(call, volume, name, at);
  }
  Result<At<Node>> attributes(const Call& call, VolumeId volume, const NodeRef& node,
                              const ReadAt& at) override {
    return store_.attributes(call, volume, node, at);
  }
  Result<At<Page>> list(const Call& call, VolumeId volume, const NodeRef& directory,
                        std::string_view after, std::uint32_t limit, const ReadAt& at) override {
    return store_.list(call, volume, directory, after, limit, at);
  }
  Result<At<Content>> read(const Call& call, VolumeId volume, Inode inode, Version version,
                           std::uint64_t offset, std::size_t size) override {
    return store_.read(call, volume, inode, version, offset, size);
  }
  Result<At<std::vector<Result<Content>>>> read_many(const Call& call, VolumeId volume,
                                                     const std::vector<ContentKey>& keys) override {
    contents_read += keys.size();
    if (before_read) std::exchange(before_read, nullptr)();
    return store_.read_many(call, volume, keys);
  }
  Result<Seq> snapshot(const Call& call, VolumeId volume, const SnapshotQuery& query,
                       const std::function<void(SnapshotPart)>& take) override {
    if (loads_nothing) return Error{Code::unavailable, "the server is away"};
    return store_.snapshot(call, volume, query, [&](SnapshotPart part) {
      for (Entry& entry : part.entries) {
        if (false_name && entry.dentry.name == "false") entry.dentry.name = *false_name;
      }
      take(std::move(part));
    });
  }
  Result<At<Xattrs>> xattrs(const Call& call, VolumeId volume, Inode inode,
                            const ReadAt& at) override {
    return store_.xattrs(call, volume, inode, at);
  }
  Result<At<std::vector<Change>>> history(const Call& call, VolumeId volume,
                                          const HistoryQuery& query) override {
    return store_.history(call, volume, query);
  }
  Result<At<std::vector<VersionInfo>>> versions(const Call& call, VolumeId volume,
                                                const NodeRef& node) override {
    return store_.versions(call, volume, node);
  }
  Result<SearchSummary> search(const Call& call, VolumeId volume, const SearchQuery& query,
                               const TakeSearched& take) override {
    return store_.search(call, volume, query, take);
  }
  Result<std::unique_ptr<Subscription>> subscribe(const Call& call, VolumeId volume, Seq after,
                                                  std::shared_ptr<FeedSink> to) override {
    sink = std::make_shared<HeldSink>(std::move(to));
    return store_.subscribe(call, volume, after, sink);
  }
  void lock(const Call& call, VolumeId volume, const LockQuery& query, LockDone done) override {
    store_.lock(call, volume, query, std::move(done));
  }

  std::optional<Error> refused;  // every batch
  bool lose_answer = false;      // of the next batch, which happens; the feed is late, too
  bool loads_nothing = false;    // snapshots are refused: unavailable
  std::shared_ptr<HeldSink> sink;
  std::size_t batches = 0;
  std::size_t contents_read = 0;
  std::function<void()> before_read;
  std::optional<std::string> false_name;  // in snapshots, instead of "false"

 private:
  MemoryStore& store_;
};

class SyncTest : public testing::Test {
 protected:
  SyncTest() : store(clock), weak(store) {
    std::string name = (fs::temp_directory_path() / "sync-XXXXXX").string();
    top = ::mkdtemp(name.data());
    folder = top / "folder";
    use(Policy::last_writer);
  }
  ~SyncTest() override {
    sync.reset();
    fs::remove_all(top);
  }

  void use(Policy policy) {
    VolumeSettings settings;
    settings.policy = policy;
    volume = store.add_volume("acme/v" + std::to_string(++volumes), settings);
  }
  Status open() {
    sync.reset();
    events.clear();
    Volume opened = *store.describe(Call{}, volume);
    opened.read_only = read_only;
    SyncOptions with = options;
    with.tell = [this](const Event& event) { events.push_back(event); };
    auto made = FolderSync::open(weak, opened, {random_uuid()}, system, folder, std::move(with));
    if (!made) return made.error();
    sync = *std::move(made);
    return sync->start();
  }
  void open_and_catch_up() {
    const Status opened = open();
    ASSERT_TRUE(opened) << opened.error().message;
    catch_up();
  }
  void catch_up() {
    const Status done = sync->catch_up_once();
    ASSERT_TRUE(done) << done.error().message;
  }
  // What `outboard sync --once` does: it finds by the scan what happened in between.
  void again() { open_and_catch_up(); }
  // What `outboard sync` does while something happens, until it ends by itself; one that does not
  // is stopped, which is a success.
  Status run_while(const std::function<void()>& happens) {
    sync.reset();
    options.stop = std::make_shared<Cancellation>();
    auto made = FolderSync::open(weak, *store.describe(Call{}, volume), {random_uuid()}, system,
                                 folder, options);
    if (!made) return made.error();
    auto ends = std::async(std::launch::async, [&] { return (*made)->run(); });
    happens();
    if (ends.wait_for(std::chrono::seconds(60)) != std::future_status::ready) {
      options.stop->request();
    }
    return ends.get();
  }

  void write(const std::string& path, const std::string& bytes) {
    fs::create_directories((folder / path).parent_path());
    std::ofstream(folder / path, std::ios::binary | std::ios::trunc) << bytes;
  }
  std::string here(const std::string& path) const {
    std::ifstream in(folder / path, std::ios::binary);
    if (!in) return "-";
    std::stringstream bytes;
    bytes << in.rdbuf();
    return bytes.str();
  }
  std::set<std::string> names_here() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
    names.erase(std::string(kStateName));
    return names;
  }
  Node node(const std::string& path) {
    auto found = store.attributes(Call{}, volume, NodeRef{path}, {});
    return found ? found->value : Node{};
  }
  std::string there(const std::string& path) {
    auto found = store.attributes(Call{}, volume, NodeRef{path}, {});
    if (!found) return "-";
    auto content = store.read(Call{}, volume, found->value.inode, {}, 0, kReadBytesMax);
    return content ? content->value.bytes : "?";
  }
  Applied apply(std::vector<Step> steps) {
    auto applied = store.apply(Call{}, volume, Batch{{}, 0, std::move(steps)});
    EXPECT_TRUE(applied) << applied.error().message;
    return applied ? *applied : Applied{};
  }
  static NameRef at(const std::string& path) {
    const fs::path whole(path);
    return {whole.parent_path().string(), whole.filename().string()};
  }
  void write_there(const std::string& path, const std::string& bytes) {
    apply({{Publish{at(path), bytes, std::nullopt, std::nullopt, 0, 0, true}, {}}});
  }
  std::string told(Happened what) const {
    std::string all;
    for (const Event& event : events) {
      if (event.what == what) all += event.path + " " + event.note + "\n";
    }
    return all;
  }

  ManualClock clock;
  SystemClock system;
  MemoryStore store;
  WeakStore weak;
  fs::path top;
  fs::path folder;
  VolumeId volume;
  int volumes = 0;
  bool read_only = false;
  SyncOptions options;
  std::vector<Event> events;
  std::unique_ptr<FolderSync> sync;
};

}  // namespace outboard::sync
