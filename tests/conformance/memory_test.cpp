#include "core/clock.h"
#include "core/memory_store.h"
#include "publishing/house_rules.h"
#include "server/access.h"
#include "tests/conformance/part_suite.h"
#include "tests/conformance/store_suite.h"
#include "tests/support/rpc_parts.h"

namespace outboard::tests {
namespace {

class MemoryFixture final : public StoreFixture {
 public:
  Store& store() override { return store_; }
  VolumeId make_volume(const VolumeSettings& settings) override {
    return store_.add_volume("acme/volume-" + std::to_string(++volumes_), settings);
  }
  Call call() override { return internal_call(clock_.now() + kCallWait); }
  Guest guest(std::vector<Grant> grants) override {
    Guest who{&access_, call()};
    who.call.caller = everything("guest");
    who.call.caller.grants = std::move(grants);
    return who;
  }
  bool forget(VolumeId volume, Seq upto) override {
    store_.forget(volume, upto);
    return true;
  }

 private:
  SystemClock clock_;
  publishing::HouseRules rules_;
  MemoryStore store_{clock_, &rules_};
  server::Access access_{store_};
  int volumes_ = 0;
};

const auto kMakers =
    ::testing::Values(StoreMaker{"memory", [] { return std::make_unique<MemoryFixture>(); }});
INSTANTIATE_TEST_SUITE_P(Memory, StoreSuite, kMakers, store_name);
INSTANTIATE_TEST_SUITE_P(Memory, PartSuite, kMakers, store_name);
INSTANTIATE_TEST_SUITE_P(Memory, PartFeedSuite, kMakers, store_name);

}  // namespace
}  // namespace outboard::tests
