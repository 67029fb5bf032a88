// SandboxTest: one provider for the program, one fresh sandbox for each test.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "core/clock.h"
#include "harness/sandboxes/namespaces.h"
#include "tests/support/temp_directory.h"

namespace outboard::harness {

using namespace std::chrono_literals;

inline Moment soon() {
  return std::chrono::steady_clock::now() + 20s;
}
inline OpId new_op() {
  return OpId{random_uuid()};
}

class SandboxTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = std::make_unique<tests::TempDirectory>();
    provider_ = open_provider();
  }
  static void TearDownTestSuite() {
    provider_.reset();
    directory_.reset();
  }
  static std::unique_ptr<Namespaces> open_provider(FreezeBy freeze_by = FreezeBy::cgroup2) {
    NamespacesConfig config;
    config.directory = directory_->path();
    config.programs = PROGRAMS_DIRECTORY;
    config.freeze_by = freeze_by;
    auto opened = Namespaces::open(config);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message);
    return opened ? *std::move(opened) : nullptr;
  }

  void SetUp() override {
    ASSERT_NE(provider_, nullptr) << "a machine without namespaces cannot pass this test";
    session_ = SessionId{random_uuid()};
    make(1);
  }
  void TearDown() override {
    sandbox_.reset();
    auto destroyed = provider_->destroy(session_, soon());
    EXPECT_TRUE(destroyed) << (destroyed ? "" : destroyed.error().message);
  }

  void make(std::uint64_t generation) {
    SandboxSpec spec;
    spec.session = session_;
    spec.generation = Generation{generation};
    spec.author = "ada";
    auto made = provider_->create(spec, soon());
    ASSERT_TRUE(made) << made.error().message;
    sandbox_ = *made;
  }

  Exec& exec() { return sandbox_->exec(); }

  ExecCommand bash(const std::string& text) {
    ExecCommand command;
    command.op = new_op();
    command.epoch = Epoch{1};
    command.generation = sandbox_->generation();
    command.arguments = {"/bin/bash", "-c", text};
    return command;
  }
  ExecCommand in_shell(const std::string& text) {
    ExecCommand command = bash(text);
    command.arguments = {text};
    command.shell = true;
    return command;
  }

  // Runs to the end: how it ended, and all that it printed.
  std::pair<ExecState, std::string> run(const ExecCommand& command) {
    auto started = exec().start(command, soon());
    EXPECT_TRUE(started) << (started ? "" : started.error().message);
    if (!started) return {};
    return attach(command.op);
  }
  std::pair<ExecState, std::string> attach(const OpId& op, std::uint64_t offset = 0) {
    std::string output;
    auto ended = exec().attach(
        op, offset,
        [&](std::uint64_t, std::string_view bytes) {
          output.append(bytes);
          return true;
        },
        soon());
    EXPECT_TRUE(ended) << (ended ? "" : ended.error().message);
    return {ended.value_or({}), output};
  }
  // Until that much has been printed.
  std::string first_output(const OpId& op, std::size_t size) {
    std::string output;
    auto state = exec().attach(
        op, 0,
        [&](std::uint64_t, std::string_view bytes) {
          output.append(bytes);
          return output.size() < size;
        },
        soon());
    EXPECT_TRUE(state) << (state ? "" : state.error().message);
    return output;
  }

  static inline std::unique_ptr<tests::TempDirectory> directory_;
  static inline std::unique_ptr<Namespaces> provider_;
  SessionId session_;
  std::shared_ptr<Sandbox> sandbox_;
};

}  // namespace outboard::harness
