#include "harness/exec_agent/freeze_gate.h"

#include <gtest/gtest.h>

#include <future>

namespace outboard::harness {
namespace {

Result<bool> stops() {
  return true;
}

TEST(FreezeGate, FreezingIsDeferredWhileAnOperationIsActive) {
  FreezeGate gate;
  auto admission = gate.admit();
  ASSERT_TRUE(admission);
  bool asked = false;
  const auto deferred = gate.freeze([&]() -> Result<bool> {
    asked = true;
    return true;
  });
  EXPECT_FALSE(*deferred);
  EXPECT_FALSE(asked);
  admission->reset();
  EXPECT_TRUE(*gate.freeze(stops));
  EXPECT_TRUE(gate.frozen());
}

TEST(FreezeGate, NothingIsAdmittedWhileFrozen) {
  FreezeGate gate;
  ASSERT_TRUE(*gate.freeze(stops));
  const auto refused = gate.admit();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  ASSERT_TRUE(gate.thaw([] { return success(); }));
  EXPECT_TRUE(gate.admit());
}

TEST(FreezeGate, WhatWouldNotStopLeavesTheDoorOpen) {
  FreezeGate gate;
  EXPECT_FALSE(*gate.freeze([]() -> Result<bool> { return false; }));
  EXPECT_TRUE(gate.admit());
}

TEST(FreezeGate, WhatWouldNotThawStaysFrozen) {
  FreezeGate gate;
  ASSERT_TRUE(*gate.freeze(stops));
  EXPECT_FALSE(gate.thaw([]() -> Status { return Error{Code::unavailable, "", {}}; }));
  EXPECT_TRUE(gate.frozen());
}

TEST(FreezeGate, AdmissionWaitsForAFreezeUnderWay) {
  FreezeGate gate;
  std::promise<void> inside;
  std::promise<void> finish;
  auto freezing = std::async(std::launch::async, [&] {
    return gate.freeze([&]() -> Result<bool> {
      inside.set_value();
      finish.get_future().wait();
      return true;
    });
  });
  inside.get_future().wait();
  auto admitted = std::async(std::launch::async, [&] { return bool(gate.admit()); });
  finish.set_value();
  EXPECT_TRUE(*freezing.get());
  EXPECT_FALSE(admitted.get());
}

}  // namespace
}  // namespace outboard::harness
