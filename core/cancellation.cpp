#include "core/cancellation.h"

#include <utility>

namespace outboard {

Cancellation::Hook::Hook(std::shared_ptr<Cancellation> of, std::function<void()> run)
    : of_(std::move(of)) {
  if (!of_) return;
  {
    const Lock lock(of_->mutex_);
    if (!of_->requested_) {
      number_ = ++of_->last_;
      of_->hooks_.emplace(number_, std::move(run));
      return;
    }
  }
  run();
}

Cancellation::Hook::~Hook() {
  if (number_ == 0) return;
  const Lock lock(of_->mutex_);
  of_->hooks_.erase(number_);
  while (of_->running_ == number_) of_->changed_.wait(of_->mutex_);
}

void Cancellation::request() {
  mutex_.lock();
  if (!std::exchange(requested_, true)) {
    changed_.notify_all();
    while (!hooks_.empty()) {
      const auto hook = hooks_.extract(hooks_.begin());
      running_ = hook.key();
      mutex_.unlock();
      hook.mapped()();
      mutex_.lock();
      running_ = 0;
      changed_.notify_all();
    }
  }
  mutex_.unlock();
}

bool Cancellation::requested() const {
  const Lock lock(mutex_);
  return requested_;
}

bool Cancellation::wait_until(Moment until) const {
  const Lock lock(mutex_);
  while (!requested_) {
    if (!changed_.wait_until(mutex_, until)) return requested_;
  }
  return true;
}

}  // namespace outboard
