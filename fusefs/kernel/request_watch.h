// RequestWatch: the requests of one session that are unanswered, and whether anybody still waits.
//
// reply → begin(), end(). The kernel tells of a signal once in a request, whatever the signal is,
// and then waits for our answer, also when the program is being killed; of an exit without a
// signal it has nothing to tell. So a thread of its own looks after requests that take long: who is
// being killed is let go at once, who exits after kSignalPatience, who handles a signal likewise
// where POSIX allows EINTR. A request that is stuck far beyond any deadline ends the session. [S9]
// Who waits is woken by another thread, as what a request is stuck in may be in that one's way.
//
// Any thread may call. One lock, a leaf; /proc is read and the callbacks are called without it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/cancellation.h"
#include "core/guarded.h"
#include "core/limits.h"

namespace outboard::fusefs {

// What a signal that its program handles does to a request.
enum class Signals : std::uint8_t {
  none,     // nobody waits for it
  deadly,   // nothing: the call knows no EINTR
  patient,  // ends it when it has lasted
  any,      // ends it: a lock that is waited for
};

class RequestWatch {
 public:
  struct Config {
    std::chrono::milliseconds stuck_after{};  // since it began; 0: never
    std::function<void()> on_given_up = {};   // who waits shall look again; may block
    std::function<void(const std::string& what)> on_stuck = {};  // called once
  };
  struct Request {
    pid_t process = 0;  // the thread that waits, as this daemon sees it; 0: unknown
    Signals signals = Signals::deadly;
    Moment begun;
    std::optional<Moment> interrupted;
    std::string laid_aside;  // it waits for other programs, and is never stuck: the kernel's words
    RequestWatch* watch = nullptr;
    std::shared_ptr<Cancellation> given_up = std::make_shared<Cancellation>();
  };
  using Ticket = std::shared_ptr<Request>;

  explicit RequestWatch(Config config);
  ~RequestWatch();
  RequestWatch(const RequestWatch&) = delete;
  RequestWatch& operator=(const RequestWatch&) = delete;

  Ticket begin(pid_t process, Signals signals);
  void end(const Ticket& request);
  // The kernel told of a signal.
  void interrupted(Request& request);
  // Whether nothing is unanswered; waits for that until `until`.
  bool idle(Moment until);
  std::size_t unanswered() const;
  // It may last as long as other programs like; `words` are the kernel's.
  void lay_aside(Request& request, std::string_view words);
  // The words of those that were.
  std::vector<std::string> laid_aside() const;

 private:
  void run();
  void wake();
  void look_at(const Ticket& request, Moment now);
  void give_up(const Request& request);

  const Config config_;
  mutable Mutex mutex_;
  Condition changed_;
  Condition given_up_;
  bool stop_ GUARDED_BY(mutex_) = false;
  bool parked_ GUARDED_BY(mutex_) = false;
  bool awaited_ GUARDED_BY(mutex_) = false;  // somebody waits in idle()
  bool wake_due_ GUARDED_BY(mutex_) = false;
  bool said_stuck_ = false;  // the thread's own
  std::unordered_map<const Request*, Ticket> requests_ GUARDED_BY(mutex_);
  std::thread thread_;
  std::thread waker_;
};

}  // namespace outboard::fusefs
