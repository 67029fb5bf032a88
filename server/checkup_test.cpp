#include "server/checkup.h"

#include <gtest/gtest.h>

namespace outboard::server {
namespace {

class Says final : public Examiner {
 public:
  explicit Says(std::string check) : check_(std::move(check)) {}
  Result<Diagnosis> examine(const Call&) override {
    Diagnosis one;
    one.fine(check_, "so it is");
    return one;
  }

 private:
  const std::string check_;
};

Call asked_by(std::uint64_t organisation, bool admin) {
  Call call;
  call.caller.organisation = organisation;
  call.caller.admin = admin;
  return call;
}

TEST(Checkup, OnlyTheSitesAdministratorHearsOfMoreThanTheFirst) {
  Says first("first");
  Says second("second");
  Checkup checkup({&first, &second});
  EXPECT_EQ(checkup.examine(asked_by(0, true))->findings.size(), 2U);
  EXPECT_EQ(checkup.examine(asked_by(7, true))->findings.size(), 1U);
  EXPECT_EQ(checkup.examine(asked_by(0, false))->findings.size(), 1U);
}

TEST(DiskExaminer, ADirectoryThatIsGoneIsWrongAndNoneIsNothing) {
  EXPECT_TRUE(DiskExaminer("").examine({})->findings.empty());
  const auto gone = DiskExaminer("/nonexistent/data").examine({});
  ASSERT_EQ(gone->findings.size(), 1U);
  EXPECT_EQ(gone->findings[0].verdict, Verdict::wrong);
}

TEST(FigureExaminer, WritesThatWaitForARowAreDoubtful) {
  double slow = 0;
  FigureExaminer examiner([&](Figures& to) { to.level("outboard_commit_slow", "S.", slow); });
  EXPECT_EQ(examiner.examine({})->findings[0].verdict, Verdict::fine);
  slow = 3;
  const auto found = examiner.examine({});
  EXPECT_EQ(found->findings[0].verdict, Verdict::doubtful);
  EXPECT_NE(found->findings[0].found.find("3 wait for a row"), std::string::npos);
}

}  // namespace
}  // namespace outboard::server
