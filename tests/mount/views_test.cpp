// A daemon's set of views, on a store in memory, with a mounter of its own.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "core/memory_store.h"
#include "fusefs/views/view_set.h"
#include "tests/support/temp_directory.h"

namespace outboard::tests {
namespace {

using fusefs::Mounter;
using fusefs::ViewSet;

class ViewsTest : public ::testing::Test {
 protected:
  ViewsTest() {
    for (const char* name : {"a", "b"}) {
      ::mkdir(at(name).path.c_str(), 0755);
      store_.add_volume("acme/" + std::string(name));
    }
    config_.on_all_end = [] {};
    config_.connected = [] { return true; };
    config_.heard_since = [] { return Moment{}; };
  }
  ViewSpec at(const std::string& name) const {
    return {directory_.path() + "/" + name, "acme/" + name, false};
  }
  std::unique_ptr<Mounter> start_mounter() const {
    Mounter::Config mounting;
    mounting.views.push_back({at("a").path, at("a").volume, false});
    mounting.allowed = {directory_.path()};
    mounting.look = [](const std::string&) { return EXIT_SUCCESS; };
    return Mounter::start(mounting).value();
  }
  static std::ptrdiff_t asleep(const ViewSet& views) {
    return std::ranges::count_if(views.now(), [](const auto& v) { return v->volume->frozen(); });
  }

  TempDirectory directory_;
  SystemClock clock_;
  MemoryStore store_{clock_};
  fusefs::RequestNumbers numbers_{ClientId{random_uuid()}};
  ViewSet::Config config_;
};

TEST_F(ViewsTest, S55_AViewThatComesWhileProgramsSleepSleepsToo) {
  const auto mounter = start_mounter();
  ViewSet views(store_, numbers_, *mounter, clock_, config_);
  ASSERT_TRUE(views.start({at("a")}));
  EXPECT_EQ(asleep(views), 0);
  views.set_frozen(true);
  EXPECT_EQ(asleep(views), 1);
  const Status added = views.amend({at("b")}, {}, false);
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(views.now().size(), 2U);
  EXPECT_EQ(asleep(views), 2);
  views.set_frozen(false);
  EXPECT_EQ(asleep(views), 0);
  views.unmount();
}

}  // namespace
}  // namespace outboard::tests
