// SPDX-License-Identifier: Apache-2.0
// Runs one program under one allocator and says what it took: the time, and what the program and all that it started
// had in memory.
//
//   launch REPORT LIBRARY COMMAND...      (LIBRARY "none": whatever malloc the program has)
//
// REPORT becomes a JSON object; the exit status is the program's. The driver itself cannot do this: what the kernel calls
// the peak of a child includes what the child was before exec, and this program is small. "mapped" says whether the
// library was seen among the mappings of the program: the loader goes on without one that it cannot find.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace {

using std::chrono::steady_clock;

constexpr auto kSamplePause = std::chrono::milliseconds(5);

std::string proc(pid_t process, const char* file) { return "/proc/" + std::to_string(process) + '/' + file; }

// The process and its children, and theirs. One that ends meanwhile counts nothing.
uint64_t resident_pages(pid_t process) {
  uint64_t all = 0, resident = 0;
  std::ifstream(proc(process, "statm")) >> all >> resident;
  std::ifstream children(proc(process, ("task/" + std::to_string(process) + "/children").c_str()));
  for (pid_t child; children >> child;) resident += resident_pages(child);
  return resident;
}

// The name of a mapping is that of the file, which may have more numbers at its end than the name it was found by.
bool is_mapped(pid_t process, const std::string& library) {
  std::ifstream maps(proc(process, "maps"));
  for (std::string line; std::getline(maps, line);) {
    if (line.substr(line.rfind('/') + 1).starts_with(library)) return true;
  }
  return false;
}

class Watch {
 public:
  Watch(pid_t process, const char* library) : process_(process) {
    mapped_ = strcmp(library, "none") == 0;
    // By the name that the mapping has: links are followed.
    std::error_code none;
    const std::filesystem::path real = std::filesystem::canonical(library, none);
    library_ = (real.empty() ? std::filesystem::path(library) : real).filename();
  }

  void look() {
    mapped_ = mapped_ || is_mapped(process_, library_);
    const uint64_t pages = resident_pages(process_);
    sum_ += pages;
    most_ = std::max(most_, pages);
    ++samples_;
  }

  bool mapped() const { return mapped_; }
  uint64_t mean_bytes() const { return samples_ == 0 ? 0 : sum_ / samples_ * page(); }
  uint64_t most_bytes() const { return most_ * page(); }

 private:
  static uint64_t page() { return static_cast<uint64_t>(sysconf(_SC_PAGESIZE)); }

  pid_t process_;
  std::string library_;
  bool mapped_;
  uint64_t sum_ = 0;
  uint64_t most_ = 0;
  uint64_t samples_ = 0;
};

[[noreturn]] void become(char** command) {
  execvp(command[0], command);
  perror(command[0]);
  _exit(127);
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

// Waits for the end and looks at the process meanwhile; its status.
int wait_watching(pid_t process, Watch& watch, rusage& usage) {
  int status;
  while (wait4(process, &status, WNOHANG, &usage) == 0) {
    watch.look();
    std::this_thread::sleep_for(kSamplePause);
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: launch REPORT LIBRARY COMMAND...\n");
    return 2;
  }
  if (strcmp(argv[2], "none") != 0)
    setenv("LD_PRELOAD", argv[2], 1);  // here, so that the child takes no page fault for it
  const auto begin = steady_clock::now();
  const pid_t process = fork();
  if (process < 0) return perror("fork"), 1;
  if (process == 0) become(argv + 3);
  Watch watch(process, argv[2]);
  rusage usage = {};
  const int status = wait_watching(process, watch, usage);
  const std::chrono::duration<double> took = steady_clock::now() - begin;

  FILE* const report = fopen(argv[1], "w");
  if (report == nullptr) return perror(argv[1]), 1;
  const uint64_t peak = std::max(watch.most_bytes(), static_cast<uint64_t>(usage.ru_maxrss) * 1024);
  fprintf(report,
          "{\"time\": %.6f, \"cpu\": %.6f, \"peak_rss\": %llu, \"mean_rss\": %llu, \"faults\": %ld, \"mapped\": %s}\n",
          took.count(), seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime), static_cast<unsigned long long>(peak),
          static_cast<unsigned long long>(watch.mean_bytes()), usage.ru_minflt + usage.ru_majflt,
          watch.mapped() ? "true" : "false");
  fclose(report);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
