#include "proto/status.h"

#include <gtest/gtest.h>

namespace outboard::wire {
namespace {

// Every code, by counting up until name_of would abort: the enum is dense and starts at 0.
constexpr int kCodes = static_cast<int>(Code::corrupt) + 1;

TEST(Status, EveryCodeCrossesAndComesBack) {
  for (int i = 0; i < kCodes; ++i) {
    const Error error{static_cast<Code>(i), "a sentence", "/a/b", 7, 3, 50};
    const grpc::Status status = to_status(error);
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(status.error_message(), error.message);
    EXPECT_EQ(to_error(status), error) << name_of(error.code);
    EXPECT_EQ(code_named(name_of(error.code)), error.code);
  }
}

TEST(Status, AStatusWithoutDetailsStillMeansSomething) {
  for (int i = 1; i <= static_cast<int>(grpc::StatusCode::UNAUTHENTICATED); ++i) {
    const auto code = static_cast<grpc::StatusCode>(i);
    const Error error = to_error(grpc::Status(code, "words"));
    EXPECT_EQ(error.code, code_of(code));
    EXPECT_EQ(error.message, "words");
  }
  EXPECT_EQ(code_of(grpc::StatusCode::UNAVAILABLE), Code::unavailable);
  EXPECT_EQ(code_of(grpc::StatusCode::DEADLINE_EXCEEDED), Code::timed_out);
}

TEST(Status, ACodeFromTheFutureFallsBackToTheStatus) {
  v1::ErrorDetail detail;
  detail.set_code("quantum_foam");
  detail.set_message("words");
  const grpc::Status status(grpc::StatusCode::NOT_FOUND, "words", detail.SerializeAsString());
  EXPECT_EQ(to_error(status).code, Code::not_found);
}

TEST(Status, NamesThatAreNoTextAreShownAsFarAsTheyAre) {
  const Error error{Code::not_found, "no \xff\xfe here", "/gr\xc3\xbc\xc3\x9f/\xc3", 0, 0, 0};
  const Error back = to_error(to_status(error));
  EXPECT_EQ(back.message, "no ?? here");
  EXPECT_EQ(back.subject, "/gr\xc3\xbc\xc3\x9f/?");
}

TEST(Status, LongTextsFitIntoAHeader) {
  const Error error{Code::invalid, std::string(100'000, 'm'), std::string(100'000, 's'), 0, 0, 0};
  const grpc::Status status = to_status(error);
  EXPECT_LT(status.error_message().size() + status.error_details().size(), 4'000U);
}

}  // namespace
}  // namespace outboard::wire
