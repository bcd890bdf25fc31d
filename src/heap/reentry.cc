// SPDX-License-Identifier: Apache-2.0
#include "heap/reentry.h"

#include <unistd.h>

#include <atomic>

#include "base/counters.h"
#include "base/for_tries.h"
#include "base/options.h"
#include "base/stack_table.h"
#include "base/text.h"
#include "base/unwind.h"

namespace reslab {
namespace {

// Hashes of the stacks that were printed; when it is full, no further ones are.
constexpr size_t kPlaces = 1024;
constexpr int kProbes = 16;
constinit std::atomic<uint64_t> places[kPlaces];

// True for the first who asks. Relaxed: the word itself is all there is.
bool is_new(uint64_t hash) {
  size_t at = hash >> 32;
  for ([[maybe_unused]] int round : for_tries(kProbes)) {
    std::atomic<uint64_t>& place = places[at++ % kPlaces];
    uint64_t seen = 0;
    if (place.compare_exchange_strong(seen, hash, std::memory_order_relaxed)) return true;
    if (seen == hash) return false;
  }
  return false;
}

void print(const char* call, const Stack& stack) {
  Line head;
  head.text("reslab: re-entry: ").text(call).text(" interrupts a call of reslab; seen here for the first time:");
  head.write_to(STDERR_FILENO);
  for (size_t i = 0; i < stack.depth; ++i) {
    Line line;
    line.text("reslab:   #").dec(i).text(" ");
    describe_code(line, stack.pc[i]);
    line.write_to(STDERR_FILENO);
  }
  if (stack.depth != 0) return;
  Line line;
  line.text("reslab:   no stack: this program has no unwinder (libgcc_s)");
  line.write_to(STDERR_FILENO);
}

[[gnu::noinline]] void report_place(const char* call) {
  Stack stack;
  take_stack(stack);
  if (is_new(stack_hash(stack))) print(call, stack);
}

}  // namespace

void note_reentry(const char* call) {
  counters.add(Counter::kReentries);
  if (options().report_reentry) report_place(call);
}

}  // namespace reslab
