#include "core/clock.h"
#include "core/memory_store.h"
#include "publishing/house_rules.h"
#include "tests/conformance/store_suite.h"

namespace outboard::tests {
namespace {

class MemoryFixture final : public StoreFixture {
 public:
  Store& store() override { return store_; }
  VolumeId make_volume(const VolumeSettings& settings) override {
    return store_.add_volume("acme/volume-" + std::to_string(++volumes_), settings);
  }
  Call call() override { return internal_call(clock_.now() + kCallWait); }
  bool forget(VolumeId volume, Seq upto) override {
    store_.forget(volume, upto);
    return true;
  }

 private:
  SystemClock clock_;
  publishing::HouseRules rules_;
  MemoryStore store_{clock_, &rules_};
  int volumes_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Memory, StoreSuite,
                         ::testing::Values(StoreMaker{
                             "memory", [] { return std::make_unique<MemoryFixture>(); }}),
                         store_name);

}  // namespace
}  // namespace outboard::tests
