#include "harness/journal/memory_journal.h"
#include "tests/journal/journal_suite.h"

namespace outboard::tests {
namespace {

// Real time for those who wait, ours for leases.
class ShiftedClock final : public Clock {
 public:
  Moment now() const override { return real_.now() + shift(); }
  Timestamp wall() const override {
    Timestamp at = real_.wall();
    at.nanoseconds += std::chrono::nanoseconds(shift()).count();
    return at;
  }
  void pass(std::chrono::milliseconds time) {
    shift_.with([&](auto& shift) { shift += time; });
  }

 private:
  std::chrono::milliseconds shift() const {
    return shift_.with([](const auto& shift) { return shift; });
  }
  SystemClock real_;
  Guarded<std::chrono::milliseconds> shift_{std::chrono::milliseconds(0)};
};

class MemoryFixture final : public JournalFixture {
 public:
  harness::Journal& journal() override { return journal_; }
  harness::Blobs& blobs() override { return blobs_; }
  void pass(std::chrono::milliseconds time) override { clock_.pass(time); }
  std::int64_t unix_ms() override { return clock_.wall().nanoseconds / 1'000'000; }

 private:
  ShiftedClock clock_;
  harness::MemoryJournal journal_{clock_};
  harness::MemoryBlobs blobs_;
};

INSTANTIATE_TEST_SUITE_P(Memory, JournalSuite,
                         ::testing::Values(JournalMaker{
                             "memory", [] { return std::make_unique<MemoryFixture>(); }}),
                         journal_name);

}  // namespace
}  // namespace outboard::tests
