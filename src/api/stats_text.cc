// SPDX-License-Identifier: Apache-2.0
#include "api/sight.h"
#include "base/text.h"
#include "heap/census.h"
#include "heap/root.h"
#include "platform/syscall.h"
#include "reslab/reslab.h"

namespace reslab {
namespace {

// Names in place: each pointer would be a relocation at the start of every process.
struct Field {
  char name[24];
  uint64_t reslab_stats::*value;
};

constexpr Field kFields[] = {
#define FIELD(name) \
  { #name, &reslab_stats::name }
    FIELD(bytes_live),
    FIELD(bytes_committed),
    FIELD(bytes_reserved),
    FIELD(bytes_metadata),
    FIELD(bytes_purged),
    FIELD(allocs),
    FIELD(frees),
    FIELD(nolock_allocs),
    FIELD(nolock_failures),
    FIELD(nolock_retries),
    FIELD(deferred_pushed),
    FIELD(deferred_flushed),
    FIELD(deferred_pending),
    FIELD(local_lock_busy_self),
    FIELD(local_lock_busy_other),
    FIELD(reentries),
    FIELD(rseq_restarts_exhausted),
    FIELD(slabs_active),
    FIELD(slabs_partial),
    FIELD(slabs_full),
    FIELD(slabs_empty),
    FIELD(deactivations),
    FIELD(refills),
    FIELD(flushes),
    FIELD(double_frees),
    FIELD(invalid_frees),
    FIELD(fork_lost_objects),
    FIELD(nolock_from_magazine),
    FIELD(nolock_from_depot),
    FIELD(nolock_from_active),
    FIELD(nolock_from_partial),
    FIELD(nolock_from_deferred),
    FIELD(nolock_from_new_slab),
    FIELD(nolock_from_run),
    FIELD(single_bit_allocs),
    FIELD(single_bit_frees),
    FIELD(sent_home),
    FIELD(bytes_held),
    FIELD(limit_refusals)
#undef FIELD
};
static_assert(sizeof kFields / sizeof kFields[0] * sizeof(uint64_t) == sizeof(reslab_stats), "every field is printed");

const char* mode_name(uint32_t mode) {
  return mode == RESLAB_MODE_RSEQ ? "rseq" : mode == RESLAB_MODE_FALLBACK ? "fallback" : "none";
}

void write_text(int fd, const char* prefix, const char* name, const char* value) {
  Line line;
  line.text(prefix).text(name).text("=").text(value);
  line.write_to(fd);
}

void write_number(int fd, const char* prefix, const char* name, uint64_t value) {
  Line line;
  line.text(prefix).text(name).text("=").dec(value);
  line.write_to(fd);
}

}  // namespace

void write_stats(int fd, const char* prefix) {
  reslab_status status;
  reslab_get_status(&status, sizeof status);
  write_text(fd, prefix, "version", status.version);
  write_text(fd, prefix, "mode", mode_name(status.mode));
  write_text(fd, prefix, "mode_reason", status.mode_reason);
  write_number(fd, prefix, "pid", static_cast<uint64_t>(sys_call(SYS_getpid)));
  reslab_stats stats;
  reslab_get_stats(&stats, sizeof stats);
  for (const Field& field : kFields) write_number(fd, prefix, field.name, stats.*field.value);
  // What has left the magazines again: so many allocations there were at least.
  const uint64_t cached = published_root.load(std::memory_order_acquire) != nullptr ? count_objects_in_magazines() : 0;
  write_number(fd, prefix, "served", stats.allocs > cached ? stats.allocs - cached : 0);
}

}  // namespace reslab
