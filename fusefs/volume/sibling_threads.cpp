#include "fusefs/volume/sibling_threads.h"

#include <pthread.h>

#include <utility>

#include "core/limits.h"

namespace outboard::fusefs {

SiblingThreads::~SiblingThreads() {
  std::vector<std::thread> ending;
  {
    const Lock lock(mutex_);
    stop_ = true;
    came_.notify_all();
    ending.swap(threads_);
  }
  for (std::thread& thread : ending) thread.join();
}

bool SiblingThreads::idle() const {
  const Lock lock(mutex_);
  return !stop_ && busy_ < kSiblingThreads;
}

void SiblingThreads::bring(std::function<void()> batch) {
  const Lock lock(mutex_);
  if (stop_ || busy_ == kSiblingThreads) return;
  ++busy_;
  batches_.push_back(std::move(batch));
  if (threads_.size() < busy_) threads_.emplace_back([this] { run(); });
  came_.notify_one();
}

void SiblingThreads::run() {
  pthread_setname_np(pthread_self(), "siblings");
  for (;;) {
    std::function<void()> batch;
    {
      const Lock lock(mutex_);
      while (batches_.empty() && !stop_) came_.wait(mutex_);
      if (batches_.empty()) return;
      batch = std::move(batches_.back());
      batches_.pop_back();
    }
    batch();
    batch = nullptr;  // who waits for its files goes on before the next one may begin
    const Lock lock(mutex_);
    --busy_;
  }
}

}  // namespace outboard::fusefs
