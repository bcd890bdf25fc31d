// SPDX-License-Identifier: Apache-2.0
// A log that signal handlers write to: records of any length, queued without waiting, written and freed by a thread.
//
//   say      from anywhere, signal handlers above all; any number of threads and handlers at the same time
//   the rest in an ordinary context, finish when nobody calls say any more
//
// The queue is a lock-free stack of which the writer takes everything at once; turned round it is in the order of the
// calls. The writer sleeps on a semaphore, which a handler may post.
#pragma once

#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <thread>

namespace handler_logger {

class Log {
 public:
  explicit Log(int fd);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Queues one line of `length` bytes. Keeps errno. False when there is no memory for it: the line is lost, counted.
  bool say(const char* text, size_t length);

  // Writes what is queued and ends the writer. Only then is written() to be read.
  void finish();

  uint64_t written() const { return written_; }
  uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  struct Record {
    Record* next;
    size_t length;
    char* text() { return reinterpret_cast<char*>(this + 1); }  // behind the structure, as long as it is
  };

  void run();
  void write_all(Record* newest_first);

  const int fd_;
  std::atomic<Record*> newest_{nullptr};
  std::atomic<uint64_t> lost_{0};
  std::atomic<bool> ending_{false};
  uint64_t written_ = 0;  // the writer's
  sem_t wake_;
  std::thread writer_;
};

}  // namespace handler_logger
