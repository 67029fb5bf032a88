// What doctor says and how it ends, against what a server and a mount might say.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/failure.h"
#include "cli/memory_site.h"

namespace outboard::cli {
namespace {

class Doctor : public testing::Test {
 protected:
  Doctor() {
    site.examiner.diagnosis.database_time = site.clock.wall();
    site.examiner.diagnosis.fine("disk", "100.0 GiB of 200.0 GiB free");
  }
  static bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  MemorySite site;
};

TEST_F(Doctor, WhatIsWellEndsWell) {
  const Said said = site.run({"doctor"});
  EXPECT_EQ(said.code, kExitOk) << said.err;
  EXPECT_TRUE(holds(said.out, "✓ disk")) << said.out;
  EXPECT_TRUE(holds(said.out, "✓ clock")) << said.out;
  EXPECT_FALSE(holds(said.out, "✗")) << said.out;
}

TEST_F(Doctor, OneWrongThingIsSaidWithItsWayOutAndInTheExitCode) {
  site.examiner.diagnosis.wrong("fsync", "fsync is off", "ALTER SYSTEM SET fsync = on");
  site.examiner.diagnosis.doubtful("transactions", "one is open for 2 hours", "end it");
  const Said said = site.run({"doctor"});
  EXPECT_EQ(said.code, kExitRefused);
  EXPECT_TRUE(holds(said.out, "✗ fsync")) << said.out;
  EXPECT_TRUE(holds(said.out, "ALTER SYSTEM SET fsync = on")) << said.out;
  EXPECT_TRUE(holds(said.out, "! transactions")) << said.out;
  EXPECT_TRUE(holds(said.err, "1 finding of")) << said.err;
  const auto json = nlohmann::json::parse(site.run({"doctor", "--json"}).out);
  EXPECT_EQ(json["findings"].back()["check"], "transactions");
  EXPECT_EQ(json["findings"].back()["verdict"], "doubtful");
}

TEST_F(Doctor, AServerThatIsAwayIsAFindingAndItsOwnExitCode) {
  site.broken = Error{Code::unavailable, "no answer"};
  const Said said = site.run({"doctor"});
  EXPECT_EQ(said.code, kExitUnreachable);
  EXPECT_TRUE(holds(said.out, "✗ server")) << said.out;
}

TEST_F(Doctor, AWrongClockIsSaidWithHowFarItIsOff) {
  site.examiner.diagnosis.database_time.nanoseconds += 3'600'000'000'000;
  const Said said = site.run({"doctor"});
  EXPECT_EQ(said.code, kExitOk);
  EXPECT_TRUE(holds(said.out, "3600000 ms behind the database's")) << said.out;
}

TEST_F(Doctor, AMountThatIsCutOffIsWrong) {
  client::MountReport mount{"0.1.0", "unix:/s", true, {}, {{"/memory", "acme/memory", true, 7, 7}}};
  site.mount = mount;
  EXPECT_EQ(site.run({"doctor", "--control", "/c"}).code, kExitOk);
  site.mount->connected = false;
  site.mount->disconnected = std::chrono::seconds(12);
  site.mount->views[0].stale = true;
  const Said said = site.run({"doctor", "--control", "/c"});
  EXPECT_EQ(said.code, kExitRefused);
  EXPECT_TRUE(holds(said.out, "cut off for 12000 ms")) << said.out;
  EXPECT_TRUE(holds(said.out, "✗ view")) << said.out;
  site.mount.reset();
  EXPECT_TRUE(holds(site.run({"doctor", "--control", "/c"}).out, "no answer on /c"));
}

TEST_F(Doctor, ATokenThatHearsOnlyOfItselfIsToldWhoWouldHearMore) {
  site.examiner.diagnosis.findings.clear();
  site.examiner.diagnosis.fine("token", "acts for ada");
  EXPECT_TRUE(holds(site.run({"doctor"}).out, "site administrator"));
}

}  // namespace
}  // namespace outboard::cli
