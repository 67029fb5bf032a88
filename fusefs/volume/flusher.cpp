#include "fusefs/volume/flusher.h"

#include <pthread.h>

namespace outboard::fusefs {

Flusher::Flusher(MountedVolume& volume) : volume_(volume) {
  volume_.on_dirty([this] {
    Lock lock(mutex_);
    news_ = true;
    woken_.notify_all();
  });
  thread_ = std::thread([this] { run(); });
}

Flusher::~Flusher() {
  volume_.on_dirty({});
  {
    Lock lock(mutex_);
    stop_ = true;
    woken_.notify_all();
  }
  thread_.join();
}

bool Flusher::pause(Moment until) {
  {
    Lock lock(mutex_);
    paused_ = true;
    while (busy_ && woken_.wait_until(mutex_, until)) {
    }
    if (!busy_) return true;
  }
  resume();
  return false;
}

void Flusher::resume() {
  Lock lock(mutex_);
  paused_ = false;
  woken_.notify_all();
}

void Flusher::run() {
  pthread_setname_np(pthread_self(), "flush");
  for (;;) {
    const Moment due =
        volume_.next_due();  // with no lock of ours: the volume wakes us under its own
    {
      Lock lock(mutex_);
      while (!stop_ && (paused_ || !news_)) {
        if (paused_ || due == Moment::max()) {
          woken_.wait(mutex_);
        } else if (!woken_.wait_until(mutex_, due)) {
          break;
        }
      }
      if (stop_) return;
      news_ = false;
      busy_ = true;
    }
    volume_.publish_due();
    Lock lock(mutex_);
    busy_ = false;
    woken_.notify_all();
  }
}

}  // namespace outboard::fusefs
