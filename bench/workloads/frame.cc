// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "process.h"

namespace workload {

void die(const char* what) {
  fprintf(stderr, "workload: %s\n", what);
  _exit(1);
}

double monotonic_seconds() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

namespace {

[[noreturn]] void refuse(const char* argument) {
  fprintf(stderr, "workload: %s\nusage: [--work N] [--share F] [--threads N] [--seconds S], each above 0\n", argument);
  exit(2);
}

double positive(const char* text, double most) {
  char* rest;
  const double value = strtod(text, &rest);
  if (*text == '\0' || *rest != '\0' || !(value > 0 && value <= most)) refuse(text);
  return value;
}

uint64_t whole(const char* text, double most) {
  const double value = positive(text, most);
  if (value < 1) refuse(text);
  return static_cast<uint64_t>(value);
}

Arguments parse(int argc, char** argv, Arguments arguments) {
  double share = 1;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc) refuse(argv[i]);
    const char* const value = argv[i + 1];
    if (strcmp(argv[i], "--work") == 0) {
      arguments.work = whole(value, 1e15);
    } else if (strcmp(argv[i], "--share") == 0) {
      share = positive(value, 1);
    } else if (strcmp(argv[i], "--threads") == 0) {
      arguments.threads = static_cast<unsigned>(whole(value, kMostThreads));
    } else if (strcmp(argv[i], "--seconds") == 0) {
      arguments.seconds = positive(value, 1e6);
    } else {
      refuse(argv[i]);
    }
  }
  arguments.work = static_cast<uint64_t>(static_cast<double>(arguments.work) * share) + (share < 1 ? 1 : 0);
  return arguments;
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

}  // namespace

Frame::Frame(int argc, char** argv, Arguments defaults) : arguments_(parse(argc, argv, defaults)) {
  start_rss_ = resident_bytes();
  start_ = usage_now();
}

Frame::Usage Frame::usage_now() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return {monotonic_seconds(), seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime),
          usage.ru_minflt + usage.ru_majflt};
}

void Frame::take_sample(const timespec& now) {
  last_sample_ = now;
  if (stopped_) return;
  sum_of_samples_ += roughly_resident_bytes();
  samples_ += 1;
}

void Frame::stop() {
  if (stopped_) return;
  end_ = usage_now();
  stopped_ = true;
}

void Frame::add(const char* name, double value) {
  if (extra_count_ == kMostExtras) die("too many figures of its own");
  extras_[extra_count_++] = {name, value};
}

int Frame::report(uint64_t operations) {
  stop();
  const uint64_t end_rss = resident_bytes();
  const uint64_t peak = peak_resident_bytes();
  const uint64_t mean = samples_ == 0 ? peak : sum_of_samples_ / samples_;
  printf(
      "{\"ops\": %llu, \"seconds\": %.6f, \"cpu_seconds\": %.6f, \"start_rss\": %llu, \"peak_rss\": %llu, "
      "\"mean_rss\": %llu, \"end_rss\": %llu, \"faults\": %ld, ",
      static_cast<unsigned long long>(operations), end_.seconds - start_.seconds, end_.cpu_seconds - start_.cpu_seconds,
      static_cast<unsigned long long>(start_rss_), static_cast<unsigned long long>(peak),
      static_cast<unsigned long long>(mean), static_cast<unsigned long long>(end_rss), end_.faults - start_.faults);
  for (int i = 0; i < extra_count_; ++i) printf("\"%s\": %.6g, ", extras_[i].name, extras_[i].value);
  printf("\"threads\": %u, ", arguments_.threads);
  print_allocator();
  printf("}\n");
  return fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace workload
