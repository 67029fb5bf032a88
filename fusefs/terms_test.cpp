#include "fusefs/terms.h"

#include <gtest/gtest.h>

namespace outboard::fusefs {
namespace {

// Without them it could not reach a server that asks for certificates.
TEST(Terms, S59_ASuccessorShowsTheSameCertificate) {
  Terms told;
  told.config.server = "db.example.org:7070";
  told.config.tls = {"ca.pem", "own.pem", "own.key"};
  told.handovers = 3;
  const auto heard = read_terms(pack_terms(told));
  ASSERT_TRUE(heard) << heard.error().message;
  EXPECT_EQ(heard->config.server, "db.example.org:7070");
  EXPECT_EQ(heard->config.tls.ca_file, "ca.pem");
  EXPECT_EQ(heard->config.tls.certificate_file, "own.pem");
  EXPECT_EQ(heard->config.tls.key_file, "own.key");
  EXPECT_EQ(heard->handovers, 3U);
}

}  // namespace
}  // namespace outboard::fusefs
