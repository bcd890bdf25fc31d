// What the programs of this folder share: checks that end the process, the mode, a ledger of live objects, the clock.
#pragma once

#include <reslab/rcu.h>
#include <reslab/reslab.h>
#include <time.h>

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace rcu_test {

// Says what is wrong, where, and ends: a violation is never counted and passed over.
[[noreturn, gnu::format(printf, 3, 4)]] inline void fail(const char* file, int line, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "%s:%d: ", file, line);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  _Exit(1);
}

#define RCU_FAIL(...) ::rcu_test::fail(__FILE__, __LINE__, __VA_ARGS__)
#define RCU_CHECK(condition)                                                       \
  do {                                                                             \
    if (!(condition)) RCU_FAIL("does not hold: %s (errno %d)", #condition, errno); \
  } while (false)

inline void require_mode(const char* wanted) {
  reslab_status status = {};
  RCU_CHECK(reslab_get_status(&status, sizeof status) == 0);
  const char* found = status.mode == RESLAB_MODE_RSEQ ? "rseq" : "fallback";
  if (strcmp(wanted, found) != 0) RCU_FAIL("runs in mode %s (%s), not %s", found, status.mode_reason, wanted);
}

inline reslab_rcu_stats stats() {
  reslab_rcu_stats out = {};
  RCU_CHECK(reslab_rcu_get_stats(&out, sizeof out) == 0);
  return out;
}

// Objects handed out, of all classes.
inline uint64_t live_objects() {
  static reslab_class_stats classes[256];
  const int count = reslab_get_class_stats(classes, 256, sizeof classes[0]);
  RCU_CHECK(count > 0 && count <= 256);
  uint64_t live = 0;
  for (int i = 0; i < count; ++i) live += classes[i].live;
  return live;
}

inline void sleep_ms(unsigned ms) {
  const timespec time = {static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000) * 1'000'000};
  nanosleep(&time, nullptr);
}

// Violations that the audit finds: at a moment when nobody else is in the heap; the reclaimer holds still meanwhile.
inline int audit() { return reslab_check(2); }

inline uint64_t now_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

struct Random {
  uint64_t state;
  uint64_t next() {
    state += 0x9e3779b97f4a7c15;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t n) { return next() % n; }
};

}  // namespace rcu_test
