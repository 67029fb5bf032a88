#include "harness/session/event.h"

#include <gtest/gtest.h>

#include <set>

#include "harness/session/limits.h"

namespace outboard::harness {
namespace {

const SessionId kSession{*parse_uuid("11111111-2222-4333-8444-555555555555")};

std::vector<Event> one_of_each() {
  const OpId op = op_id_of(kSession, 3, 0);
  const Body blob{"", sha256("long"), 70'000};
  return {
      SessionStarted{"helper", "scripted:a.yaml", blob, Body::of("[]"), {"bash"}, true},
      Claimed{Epoch{7}, "worker-1"},
      HandedOver{Epoch{7}},
      UserMessage{"ada", Body::of("list the \"skills\"\n")},
      Interrupted{"ada"},
      SessionFailed{"crashed", "three workers died"},
      SessionFinished{},
      ModelAsked{3, 2, sha256("prompt")},
      ModelAnswered{3, Body::of("I look."), StopReason::tool_use, Usage{10, 20, 30, 40}},
      ModelFailed{3, "unavailable", "overloaded", 1'767'225'600'000},
      CallIntended{op, 3, 0, "toolu_1", "bash", Effect::command, Body::of("{}"), true},
      CallApproved{op, "ada"},
      CallDenied{op, "ada", "no"},
      CallDispatched{op, Epoch{7}, Generation{2}, sha256("a"), sha256("b"), Body::of("done")},
      CallProgress{op, 4096, Body::of("…")},
      CallFinished{op, true, blob, sha256("all"), {{"acme/memory", 12}}},
      CallLost{op, Body::of("nobody knows")},
      SandboxIntended{Generation{2}},
      InboxRefused{"bob", "too late"},
  };
}

TEST(Event, EachKindComesBackAsItWas) {
  std::set<std::string> kinds;
  for (const Event& event : one_of_each()) {
    const auto encoded = encode(event);
    ASSERT_TRUE(encoded) << encoded.error().message;
    const auto decoded = decode(*encoded);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, event) << encoded->payload;
    kinds.insert(encoded->kind);
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<Event>);
}

TEST(Event, OverEightKibibytesIsRefused) {
  const auto encoded = encode(UserMessage{"ada", Body::of(std::string(9'000, 'x'))});
  ASSERT_FALSE(encoded);
  EXPECT_EQ(encoded.error().code, Code::too_big);
}

TEST(Event, InlineIsDecidedByTheEncodedSize) {
  EXPECT_TRUE(fits_inline(std::string(3'000, 'x')));
  EXPECT_FALSE(fits_inline(std::string(3'000, '\x01')));  // six bytes each as JSON
  const Body body = Body::of(std::string(500, '\x01'));
  ASSERT_TRUE(fits_inline(body.text));
  EXPECT_TRUE(encode(CallLost{OpId{}, body}));
}

TEST(Event, UnknownKindsAndVersionsAreRefusedNotGuessed) {
  EXPECT_EQ(decode({"moon_landed", 1, "{}"}).error().code, Code::unsupported);
  EXPECT_EQ(decode({"claimed", 2, "{}"}).error().code, Code::unsupported);
}

TEST(Event, DamageIsCorrupt) {
  EXPECT_EQ(decode({"claimed", 1, "{"}).error().code, Code::corrupt);
  EXPECT_EQ(decode({"claimed", 1, R"({"epoch":"seven"})"}).error().code, Code::corrupt);
  EXPECT_EQ(decode({"call_lost", 1, R"({"op":"x"})"}).error().code, Code::corrupt);
}

TEST(Event, ClipCutsBetweenCharactersAndMendsBadOnes) {
  EXPECT_EQ(clip("häuser", 2), "h");
  EXPECT_EQ(clip("häuser", 3), "hä");
  EXPECT_EQ(clip("a\xFF", 10), "a\xEF\xBF\xBD");
}

TEST(Event, AnyWorkerNamesACallAlike) {
  EXPECT_EQ(op_id_of(kSession, 3, 1), op_id_of(kSession, 3, 1));
  EXPECT_NE(op_id_of(kSession, 3, 1), op_id_of(kSession, 31, 0));
  EXPECT_EQ(to_string(op_id_of(kSession, 3, 1))[14], '5');
}

}  // namespace
}  // namespace outboard::harness
