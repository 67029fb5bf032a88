#include "proto/convert.h"

#include <gtest/gtest.h>

#include <random>

#include "proto/convert_admin.h"
#include "proto/convert_batch.h"

namespace outboard::wire {
namespace {

// Values of every shape, the same in every run.
class Dice {
 public:
  std::uint64_t number() {
    const std::uint64_t value = engine_();
    return coin() ? value : value % 5;
  }
  std::uint32_t number32() { return static_cast<std::uint32_t>(number()); }
  bool coin() { return (engine_() & 1U) != 0; }
  std::size_t below(std::size_t end) { return engine_() % end; }
  std::string bytes() {
    std::string text(below(20), '\0');
    for (char& c : text) c = static_cast<char>(engine_());
    return text;
  }
  std::string text() { return "text" + std::to_string(below(1'000)); }
  Uuid uuid() { return coin() ? random_uuid() : Uuid{}; }
  std::optional<Sha256> digest() {
    if (coin()) return std::nullopt;
    return sha256(bytes());
  }
  template <class T, class F>
  std::optional<T> maybe(F make) {
    if (coin()) return std::nullopt;
    return make();
  }
  Timestamp time() { return {static_cast<std::int64_t>(engine_())}; }
  std::optional<Version> version() {
    return maybe<Version>([&] { return Version{number()}; });
  }
  NodeRef node_ref() {
    if (coin()) return Inode{number()};
    return "/" + bytes();
  }
  Strictness strictness() { return static_cast<Strictness>(below(3)); }
  Volume volume() {
    Volume volume;
    volume.id = VolumeId{number()};
    volume.organisation = number();
    volume.name = text();
    volume.policy = static_cast<Policy>(below(3));
    volume.strict = coin();
    volume.read_only = coin();
    volume.quota_bytes = number();
    volume.quota_nodes = number();
    volume.used_bytes = number();
    volume.used_nodes = number();
    volume.head = Seq{number()};
    volume.skill_lint = strictness();
    volume.secret_scan = strictness();
    volume.ignored = text();
    volume.mode = static_cast<VolumeMode>(below(2));
    volume.second_reviewer = coin();
    volume.published = Seq{number()};
    volume.revision = number();
    return volume;
  }
  NameRef name_ref() { return {node_ref(), bytes()}; }
  Dentry dentry() { return {Inode{number()}, bytes()}; }
  Node node() {
    Node node;
    node.inode = Inode{number()};
    node.kind = static_cast<Kind>(below(7));
    node.attributes = {number32(), number32(), number32(), number(), number32(),
                       number(),   time(),     time(),     time()};
    node.version = Version{number()};
    node.digest = digest();
    node.target = bytes();
    node.xattr_bytes = number32();
    return node;
  }
  Origin origin() {
    return {text(),   {uuid()}, number(), {uuid()}, Epoch{number()}, Generation{number()},
            {uuid()}, number()};
  }
  Change change() {
    Change change;
    change.seq = Seq{number()};
    change.kind = static_cast<ChangeKind>(below(8));
    change.node = node();
    change.before = maybe<Dentry>([&] { return dentry(); });
    change.after = maybe<Dentry>([&] { return dentry(); });
    change.other = maybe<Displaced>([&] { return Displaced{Inode{number()}, number32(), coin()}; });
    change.path = bytes();
    change.conflict = coin();
    change.redacted = coin();
    change.warned = coin();
    change.origin = origin();
    change.at = time();
    return change;
  }
  Write write_op() {
    Write op{node_ref(), version(), {}, {}, {}};
    op.keep = maybe<std::uint64_t>([&] { return number(); });
    op.size = maybe<std::uint64_t>([&] { return number(); });
    for (std::size_t i = below(4); i > 0; --i) op.extents.push_back({number(), bytes()});
    op.merged = maybe<Edit>([&] {
      Edit edit{op.size, {}, op.keep};
      for (std::size_t i = below(4); i > 0; --i) edit.extents.push_back({number(), bytes()});
      return edit;
    });
    return op;
  }
  SetAttributes set_attributes() {
    SetAttributes op;
    op.node = node_ref();
    op.mode = maybe<std::uint32_t>([&] { return number32(); });
    op.uid = maybe<std::uint32_t>([&] { return number32(); });
    op.gid = maybe<std::uint32_t>([&] { return number32(); });
    op.accessed = maybe<Timestamp>([&] { return time(); });
    op.modified = maybe<Timestamp>([&] { return time(); });
    return op;
  }
  Publish publish() {
    Publish op;
    op.at = name_ref();
    op.bytes = bytes();
    op.base = version();
    op.mode = maybe<std::uint32_t>([&] { return number32(); });
    op.uid = number32();
    op.gid = number32();
    op.parents = coin();
    return op;
  }
  Restore restore() {
    Restore op;
    op.inode = Inode{number()};
    op.version = Version{number()};
    op.to = maybe<NameRef>([&] { return name_ref(); });
    op.parents = coin();
    return op;
  }
  // The op of one alternative.
  Op op(std::size_t alternative) {
    switch (alternative) {
      case 0: return CreateFile{name_ref(), number32(), number32(), number32(), coin()};
      case 1: return MakeDirectory{name_ref(), number32(), number32(), number32(), coin()};
      case 2: {
        const Kind kind = static_cast<Kind>(below(7));
        return MakeNode{name_ref(), kind, number32(), number32(), number32(), number()};
      }
      case 3: return MakeSymlink{name_ref(), bytes(), number32(), number32()};
      case 4: return MakeLink{node_ref(), name_ref()};
      case 5: return Rename{name_ref(), name_ref(), static_cast<RenameMode>(below(3)), version()};
      case 6: return Unlink{name_ref()};
      case 7: return RemoveDirectory{name_ref(), coin()};
      case 8: return set_attributes();
      case 9: return SetXattr{node_ref(), bytes(), bytes(), static_cast<XattrMode>(below(3))};
      case 10: return RemoveXattr{node_ref(), bytes()};
      case 11: return write_op();
      case 12: return Truncate{node_ref(), number()};
      case 13: return Append{node_ref(), bytes()};
      case 14: return publish();
      case 15: return restore();
      case 16: return Redact{Inode{number()}, Version{number()}};
      default: return Op{};
    }
  }
  Batch batch() {
    Batch batch;
    batch.request = {{uuid()}, number()};
    batch.acknowledged = number();
    batch.written = time();
    for (std::size_t i = 0; i < std::variant_size_v<Op>; ++i) {
      batch.steps.push_back({op(i), {coin(), version(), digest()}});
      EXPECT_EQ(batch.steps.back().op.index(), i);
    }
    return batch;
  }

 private:
  std::mt19937_64 engine_{20'260'131};
};

constexpr int kRounds = 200;

// Through bytes, as on the wire, and back.
template <class Message, class T>
T crossed(const T& value) {
  Message message;
  write(value, &message);
  Message arrived;
  EXPECT_TRUE(arrived.ParseFromString(message.SerializeAsString()));
  Faults faults;
  T back = read(arrived, faults);
  EXPECT_FALSE(faults);
  return back;
}

TEST(Convert, BatchesOfEveryOpCrossUnchanged) {
  Dice dice;
  for (int i = 0; i < kRounds; ++i) {
    const Batch batch = dice.batch();
    ASSERT_EQ(crossed<v1::Batch>(batch), batch);
  }
}

TEST(Convert, AnnouncedBodiesAreFilledInPlace) {
  Dice dice;
  for (int i = 0; i < kRounds; ++i) {
    const Batch batch = dice.batch();
    std::string sent;
    for (const std::string_view body : bodies_of(batch)) sent += body;
    std::uint64_t allowed = sent.size();
    Faults faults;
    Batch arrived = batch;
    for (std::size_t k = 0; k < batch.steps.size(); ++k) {
      v1::Step message;
      write(batch.steps[k], Bodies::announced, &message);
      arrived.steps[k] = read(message, allowed, faults);
    }
    ASSERT_FALSE(faults);
    ASSERT_EQ(allowed, 0U);
    std::size_t place = 0;
    for (std::string* body : bodies_in(arrived)) {
      *body = sent.substr(place, body->size());
      place += body->size();
    }
    ASSERT_EQ(arrived, batch);
  }
}

TEST(Convert, MoreThanAnnouncedIsAFault) {
  v1::Step message;
  write(Step{Append{Inode{1}, "12345"}, {}}, Bodies::announced, &message);
  std::uint64_t allowed = 4;
  Faults faults;
  (void)read(message, allowed, faults);
  ASSERT_TRUE(faults);
  EXPECT_EQ(faults.error().code, Code::invalid);
}

TEST(Convert, ChangesCrossUnchanged) {
  Dice dice;
  for (int i = 0; i < kRounds; ++i) {
    const Change change = dice.change();
    ASSERT_EQ(crossed<v1::Change>(change), change);
  }
}

TEST(Convert, AnswersCrossUnchanged) {
  Dice dice;
  for (int i = 0; i < kRounds; ++i) {
    const Entry entry{dice.dentry(), dice.node()};
    ASSERT_EQ(crossed<v1::Entry>(entry), entry);
    Applied applied{Seq{dice.number()}, Seq{dice.number()}, {}, dice.coin()};
    applied.outcomes.push_back({dice.node(),
                                dice.dentry(),
                                Seq{dice.number()},
                                dice.coin(),
                                dice.coin(),
                                {},
                                dice.coin(),
                                dice.maybe<Dentry>([&] { return dice.dentry(); })});
    if (dice.coin()) applied.outcomes.back().warnings = {dice.text(), dice.text()};
    const Applied back = crossed<v1::ApplyResponse>(applied);
    ASSERT_EQ(back.outcomes, applied.outcomes);
    ASSERT_EQ(std::tie(back.first, back.last, back.repeated),
              std::tie(applied.first, applied.last, applied.repeated));
    const VersionInfo info{Version{dice.number()}, Seq{dice.number()}, dice.number(), dice.digest(),
                           dice.origin(),          dice.time(),        dice.coin(),   dice.coin()};
    const VersionInfo info_back = crossed<v1::VersionInfo>(info);
    ASSERT_EQ(std::tie(info_back.version, info_back.seq, info_back.size, info_back.digest,
                       info_back.origin, info_back.at, info_back.conflict, info_back.redacted),
              std::tie(info.version, info.seq, info.size, info.digest, info.origin, info.at,
                       info.conflict, info.redacted));
    const Xattrs xattrs{{"user." + dice.bytes(), dice.bytes()}, {"user.b", dice.bytes()}};
    ASSERT_EQ(crossed<v1::GetXattrsResponse>(xattrs), xattrs);
  }
}

TEST(Convert, VolumesAndQueriesCrossUnchanged) {
  Dice dice;
  for (int i = 0; i < kRounds; ++i) {
    const Volume volume = dice.volume();
    ASSERT_EQ(crossed<v1::Volume>(volume), volume);
    HistoryQuery query{dice.node_ref(), Seq{dice.number()}, Seq{dice.number()}, dice.coin(),
                       dice.number32()};
    if (dice.coin()) query.node.reset();
    query.removed_from = dice.maybe<Inode>([&] { return Inode{1 + dice.below(1'000)}; });
    query.removed_name = std::to_string(dice.number());
    const HistoryQuery query_back = crossed<v1::HistoryRequest>(query);
    ASSERT_EQ(
        std::tie(query_back.node, query_back.after, query_back.before, query_back.newest_first,
                 query_back.limit, query_back.removed_from, query_back.removed_name),
        std::tie(query.node, query.after, query.before, query.newest_first, query.limit,
                 query.removed_from, query.removed_name));
    LockQuery lock{Inode{dice.number()},
                   {},
                   dice.number(),
                   dice.number(),
                   dice.number(),
                   dice.maybe<LockKind>([&] { return static_cast<LockKind>(dice.below(2)); }),
                   dice.coin(),
                   dice.coin(),
                   dice.coin()};
    const LockQuery lock_back = crossed<v1::LockRequest>(lock);
    ASSERT_EQ(std::tie(lock_back.inode, lock_back.owner, lock_back.start, lock_back.length,
                       lock_back.kind, lock_back.wait, lock_back.whole_file, lock_back.test),
              std::tie(lock.inode, lock.owner, lock.start, lock.length, lock.kind, lock.wait,
                       lock.whole_file, lock.test));
  }
}

TEST(Convert, EveryEndCrosses) {
  for (int i = 0; i <= static_cast<int>(FeedEnd::connection_lost); ++i) {
    Faults faults;
    EXPECT_EQ(read(write(static_cast<FeedEnd>(i)), faults), static_cast<FeedEnd>(i));
    EXPECT_FALSE(faults);
  }
}

TEST(Convert, AnUnknownEnumValueIsUnsupported) {
  Faults faults;
  (void)read(static_cast<v1::ChangeKind>(99), faults);
  ASSERT_TRUE(faults);
  EXPECT_EQ(faults.error().code, Code::unsupported);
}

TEST(Convert, AnUnknownOpIsUnsupported) {
  std::uint64_t allowed = 0;
  Faults faults;
  (void)read(v1::Step(), allowed, faults);
  ASSERT_TRUE(faults);
  EXPECT_EQ(faults.error().code, Code::unsupported);
}

TEST(Convert, AUuidOfTheWrongSizeIsAFault) {
  Faults faults;
  (void)read_uuid("request.client", "short", faults);
  ASSERT_TRUE(faults);
  EXPECT_NE(faults.error().message.find("request.client"), std::string::npos);
}

}  // namespace
}  // namespace outboard::wire
