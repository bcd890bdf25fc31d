// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <errno.h>
#include <reslab/reslab.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <new>

namespace handler_logger {
namespace {

void write_whole(int fd, const char* text, size_t length) {
  while (length > 0) {
    const ssize_t done = write(fd, text, length);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) {
      perror("handler_logger: the log cannot be written");
      exit(1);
    }
    text += done;
    length -= static_cast<size_t>(done);
  }
}

}  // namespace

Log::Log(int fd) : fd_(fd) {
  sem_init(&wake_, 0, 0);
  writer_ = std::thread(&Log::run, this);
}

Log::~Log() {
  if (writer_.joinable()) finish();
  sem_destroy(&wake_);
}

void Log::finish() {
  ending_.store(true, std::memory_order_release);  // pairs with the writer's acquire: it takes every record from before
  sem_post(&wake_);
  writer_.join();
}

// RESLAB_GROW: a handler may ask the kernel for memory, and this one would rather do so than lose a line.
bool Log::say(const char* text, size_t length) {
  const int interrupted_errno = errno;
  void* const memory = reslab_malloc_nolock(sizeof(Record) + length, RESLAB_GROW);
  if (memory == nullptr) {
    lost_.fetch_add(1, std::memory_order_relaxed);
    errno = interrupted_errno;
    return false;
  }
  auto* const record = new (memory) Record{newest_.load(std::memory_order_relaxed), length};
  memcpy(record->text(), text, length);
  // release: the writer sees the record's text. The loop ends when nobody else comes between, one more of whom has then
  // been served each time.
  while (!newest_.compare_exchange_weak(record->next, record, std::memory_order_release, std::memory_order_relaxed)) {}
  if (record->next == nullptr) sem_post(&wake_);  // the writer may sleep only when there was nothing
  errno = interrupted_errno;
  return true;
}

void Log::run() {
  for (bool ending = false; !ending;) {
    while (sem_wait(&wake_) != 0) {  // EINTR
    }
    ending = ending_.load(std::memory_order_acquire);
    write_all(newest_.exchange(nullptr, std::memory_order_acquire));
  }
}

void Log::write_all(Record* newest_first) {
  Record* oldest_first = nullptr;
  while (newest_first != nullptr) {
    Record* const next = newest_first->next;
    newest_first->next = oldest_first;
    oldest_first = newest_first;
    newest_first = next;
  }
  while (oldest_first != nullptr) {
    Record* const next = oldest_first->next;
    write_whole(fd_, oldest_first->text(), oldest_first->length);
    written_++;
    reslab_free(oldest_first);  // memory from a handler, freed by another thread, by the ordinary call
    oldest_first = next;
  }
}

}  // namespace handler_logger
