// SPDX-License-Identifier: Apache-2.0
#include "catcher.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace catcher {
namespace {

constexpr unsigned kSeconds = 20;

bool rseq_mode;

void no_core_files() {
  const struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
}

std::vector<reslab_class_stats> all_class_stats() {
  std::vector<reslab_class_stats> classes(static_cast<size_t>(reslab_get_class_stats(nullptr, 0, 0)));
  reslab_get_class_stats(classes.data(), classes.size(), sizeof classes[0]);
  return classes;
}

}  // namespace

void start(int argc, char** argv, const char* options) {
  alarm(kSeconds);
  no_core_files();
  const std::string wanted = argc == 2 ? argv[1] : "";
  expect(wanted == "rseq" || wanted == "fallback", "usage: %s rseq|fallback", argv[0]);
  const std::string all = "mode=" + wanted + ":" + options;
  const char* present = getenv("RESLAB_OPTIONS");
  if (present == nullptr || all != present) {
    setenv("RESLAB_OPTIONS", all.c_str(), 1);
    execv("/proc/self/exe", argv);
    expect(false, "the program cannot be started again");
  }
  reslab_free(reslab_malloc(1));
  reslab_status status = {};
  reslab_get_status(&status, sizeof status);
  rseq_mode = status.mode == RESLAB_MODE_RSEQ;
  expect(rseq_mode == (wanted == "rseq"), "the heap is not in mode %s: %s", wanted.c_str(), status.mode_reason);
}

bool with_rseq() { return rseq_mode; }

void expect_sound_heap() {
  const int violations = reslab_check(STDERR_FILENO);
  expect(violations == 0, "reslab_check finds %d violations", violations);
}

std::map<uint32_t, uint64_t> live_objects() {
  std::map<uint32_t, uint64_t> live;
  for (const reslab_class_stats& one : all_class_stats()) live[one.class_id] = one.live;
  return live;
}

void expect_same_live(const std::map<uint32_t, uint64_t>& before) {
  reslab_trim(0);
  for (const auto& [class_id, count] : live_objects()) {
    expect(count == before.at(class_id), "class %u has %zu objects handed out, and had %zu", class_id,
           static_cast<size_t>(count), static_cast<size_t>(before.at(class_id)));
  }
  expect_sound_heap();
}

reslab_stats stats() {
  reslab_stats all = {};
  reslab_get_stats(&all, sizeof all);
  return all;
}

reslab_class_stats class_stats(size_t object_bytes) {
  for (const reslab_class_stats& one : all_class_stats()) {
    if (one.object_bytes == object_bytes) return one;
  }
  expect(false, "there is no class of %zu bytes", object_bytes);
  return {};
}

void wait_for_child(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  expect(status == 0, "a child ended with status %#x", static_cast<unsigned>(status));
}

void expect_report(void (*misuse)(), const char* words) {
  int ends[2];
  expect(pipe(ends) == 0, "no pipe");
  const pid_t child = fork();
  if (child == 0) {
    alarm(kSeconds);  // not inherited
    dup2(ends[1], STDERR_FILENO);
    misuse();
    _exit(0);
  }
  close(ends[1]);
  std::string said;
  char buffer[512];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) said.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
         "a misuse went by (wait status %#x), wanted a report of '%s'", static_cast<unsigned>(status), words);
  expect(said.find(words) != std::string::npos, "the report says '%s', not '%s'", said.c_str(), words);
}

}  // namespace catcher
