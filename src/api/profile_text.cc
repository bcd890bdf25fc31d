// SPDX-License-Identifier: Apache-2.0
// The heap profile in the text format that pprof reads.
#include <fcntl.h>

#include <cerrno>

#include "api/sight.h"
#include "base/for_tries.h"
#include "base/text.h"
#include "platform/syscall.h"
#include "profile/profile.h"

namespace reslab {
namespace {

// Once something could not be written the rest is not tried either: a profile with a gap in it would be read as whole.
class Output {
 public:
  explicit Output(int fd) : fd_(fd) {}

  void write(const char* text, size_t length) {
    while (length > 0 && error_ == 0) {  // ends: something goes, or an error stays
      const long written = write_some(text, length);
      if (written <= 0) {
        error_ = written == 0 ? EIO : static_cast<int>(-written);
        return;
      }
      text += written;
      length -= static_cast<size_t>(written);
    }
  }
  void write(Line& line) { write(line.c_str(), line.length()); }

  int error() const { return error_; }

 private:
  // A signal that comes before anything has gone out is no reason to give up, sixty of them in a row are.
  long write_some(const char* text, size_t length) const {
    long written = -EINTR;
    for ([[maybe_unused]] int round : for_tries(kCasTries)) {
      written = sys_write(fd_, text, length);
      if (written != -EINTR) break;
    }
    return written;
  }

  int fd_;
  int error_ = 0;
};

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

void write_head(Output& output, const ProfileTables& tables) {
  Counts sum = {};
  for (uint32_t i = 1; i < ProfileTables::kSites; ++i) {
    const Counts one = counts_of(tables.sites[i]);
    sum = {sum.live_objects + one.live_objects, sum.live_bytes + one.live_bytes, sum.all_objects + one.all_objects,
           sum.all_bytes + one.all_bytes};
  }
  Line line;
  say_counts(line.text("heap profile: "), sum).text(" heap_v2/").dec(tables.rate).text("\n");
  output.write(line);
}

// A stack is longer than a line may be: it is written in pieces.
void write_site(Output& output, const ProfileSite& site) {
  const uint64_t depth = site.depth.load(std::memory_order_acquire);
  if (depth == 0) return;
  Line counts;
  say_counts(counts, counts_of(site));
  output.write(counts);
  for (uint64_t i = 0; i < depth; ++i) {
    Line frame;
    frame.text(" ").hex(site.pc[i].load(std::memory_order_relaxed));
    output.write(frame);
  }
  output.write("\n", 1);
}

// What makes names of the addresses.
void write_mappings(Output& output) {
  Line head;
  head.text("\nMAPPED_LIBRARIES:\n");
  output.write(head);
  const long maps = sys_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/maps"), O_RDONLY | O_CLOEXEC);
  if (maps < 0) return;
  char buffer[512];
  for (long bytes; (bytes = sys_call(SYS_read, maps, reinterpret_cast<long>(buffer), sizeof buffer)) > 0;) {
    output.write(buffer, static_cast<size_t>(bytes));
  }
  sys_call(SYS_close, maps);
}

}  // namespace

int write_profile(int fd) {
  const ProfileTables& tables = *profile_tables.load(std::memory_order_acquire);
  Output output(fd);
  write_head(output, tables);
  for (uint32_t i = 1; i < ProfileTables::kSites; ++i) write_site(output, tables.sites[i]);
  write_mappings(output);
  return output.error();
}

}  // namespace reslab
