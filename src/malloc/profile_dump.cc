// SPDX-License-Identifier: Apache-2.0
#include "malloc/profile_dump.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/text.h"
#include "heap/root.h"
#include "malloc/output_file.h"
#include "platform/syscall.h"
#include "profile/profile.h"

namespace reslab {
namespace {

struct Counts {
  uint64_t live_objects, live_bytes, all_objects, all_bytes;
};

// The two of a pair are of different moments: neither may look like less than nothing.
Counts counts_of(const ProfileSite& site) {
  const int64_t objects = site.live_objects.load(std::memory_order_relaxed);
  const int64_t bytes = site.live_bytes.load(std::memory_order_relaxed);
  const bool is_live = objects > 0 && bytes > 0;
  return {is_live ? static_cast<uint64_t>(objects) : 0, is_live ? static_cast<uint64_t>(bytes) : 0,
          site.all_objects.load(std::memory_order_relaxed), site.all_bytes.load(std::memory_order_relaxed)};
}

Line& say_counts(Line& line, const Counts& counts) {
  line.dec(counts.live_objects).text(": ").dec(counts.live_bytes);
  return line.text(" [").dec(counts.all_objects).text(": ").dec(counts.all_bytes).text("] @");
}

void write_head(int fd, const ProfileTables& tables) {
  Counts sum = {};
  for (uint32_t i = 1; i < ProfileTables::kSites; ++i) {
    const Counts one = counts_of(tables.sites[i]);
    sum = {sum.live_objects + one.live_objects, sum.live_bytes + one.live_bytes, sum.all_objects + one.all_objects,
           sum.all_bytes + one.all_bytes};
  }
  Line line;
  say_counts(line.text("heap profile: "), sum).text(" heap_v2/").dec(tables.rate);
  line.write_to(fd);
}

// A stack is longer than a line may be: it is written in pieces.
void write_site(int fd, const ProfileSite& site) {
  const uint64_t depth = site.depth.load(std::memory_order_acquire);
  if (depth == 0) return;
  Line counts;
  say_counts(counts, counts_of(site));
  sys_write(fd, counts.c_str(), counts.length());
  for (uint64_t i = 0; i < depth; ++i) {
    Line frame;
    frame.text(" ").hex(site.pc[i].load(std::memory_order_relaxed));
    sys_write(fd, frame.c_str(), frame.length());
  }
  Line().write_to(fd);
}

// What makes names of the addresses.
void write_mappings(int fd) {
  Line head;
  head.text("\nMAPPED_LIBRARIES:").write_to(fd);
  const long maps = sys_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/maps"), O_RDONLY | O_CLOEXEC);
  if (maps < 0) return;
  char buffer[512];
  for (long bytes; (bytes = sys_call(SYS_read, maps, reinterpret_cast<long>(buffer), sizeof buffer)) > 0;) {
    sys_write(fd, buffer, static_cast<size_t>(bytes));
  }
  sys_call(SYS_close, maps);
}

void write_profile(int fd) {
  const ProfileTables& tables = *profile_tables.load(std::memory_order_acquire);
  write_head(fd, tables);
  for (uint32_t i = 1; i < ProfileTables::kSites; ++i) write_site(fd, tables.sites[i]);
  write_mappings(fd);
}

constinit std::atomic<uint32_t> dumps{0};

void on_signal(int) {
  Line suffix;
  suffix.text(".").dec(dumps.fetch_add(1, std::memory_order_relaxed) + 1);
  const char* pattern = options().profile_file[0] != '\0' ? options().profile_file : "reslab.%p.heap";
  write_output_file(pattern, suffix.c_str(), "the heap profile", write_profile);
}

}  // namespace

void prepare_profile_dumps() {
  const uint64_t number = options().profile_signal;
  if (!profile_is_on() || number == 0) return;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  if (number < NSIG && sigaction(static_cast<int>(number), &action, nullptr) == 0) return;
  Line line;
  line.text("reslab: RESLAB_OPTIONS: profile_signal=")
      .dec(number)
      .text(" is no signal that can be handled; it is ignored");
  line.write_to(STDERR_FILENO);
}

void dump_profile_at_exit() {
  if (profile_is_on() && options().profile_file[0] != '\0') {
    write_output_file(options().profile_file, "", "the heap profile", write_profile);
  }
}

}  // namespace reslab
