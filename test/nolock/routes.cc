// SPDX-License-Identifier: Apache-2.0
#include "routes.h"

#include "failure.h"

namespace nolock {

using namespace support;

namespace {

using Count = uint64_t reslab_stats::*;

struct Row {
  const char* text;
  Count count;
};

constexpr Row kRoutes[] = {{"magazine, on the slow path", &reslab_stats::nolock_from_magazine},
                           {"depot", &reslab_stats::nolock_from_depot},
                           {"active slab", &reslab_stats::nolock_from_active},
                           {"partial slab", &reslab_stats::nolock_from_partial},
                           {"slab, after another CPU's deferred frees", &reslab_stats::nolock_from_deferred},
                           {"new slab, of units that were ready", &reslab_stats::nolock_from_new_slab},
                           {"run of units", &reslab_stats::nolock_from_run},
                           {"other bucket", &reslab_stats::nolock_retries}};

constexpr Row kOfAllCalls[] = {{"refills", &reslab_stats::refills},
                               {"deferred frees taken back", &reslab_stats::deferred_flushed},
                               {"deactivations", &reslab_stats::deactivations},
                               {"tries that found the local lock held below them", &reslab_stats::local_lock_busy_self},
                               {"tries that found it held by another thread", &reslab_stats::local_lock_busy_other},
                               {"sections given up after too many restarts", &reslab_stats::rseq_restarts_exhausted}};

void print_share(const Log& log, const char* route, uint64_t count, uint64_t all) {
  const double share = all == 0 ? 0 : static_cast<double>(count) / static_cast<double>(all);
  log.line("  %-48s %12lu  %8.4f %%", route, count, 100 * share);
}

}  // namespace

// A hit on the fast path is not counted where it happens, it is what nolock_allocs leaves over; and of nolock_allocs the
// single bits are what the counted routes leave over, for their own counter is one of plain calls as well.
void print_routes(const Log& log, uint64_t successes, const reslab_stats& before, const reslab_stats& after) {
  const auto grown = [&](Count count) { return after.*count - before.*count; };
  const uint64_t slow = grown(&reslab_stats::nolock_allocs);
  uint64_t counted = 0;
  for (const Row& route : kRoutes) counted += grown(route.count);
  if (slow > successes) fail("%lu allocations succeeded, nolock_allocs says %lu", successes, slow);
  if (counted > slow) fail("the routes of nolock_allocs are %lu in sum, itself is %lu", counted, slow);
  const uint64_t single_bits = slow - counted;
  if (single_bits > grown(&reslab_stats::single_bit_allocs)) {
    fail("%lu of nolock_allocs came by no route, and there were %lu single bits", single_bits,
         grown(&reslab_stats::single_bit_allocs));
  }
  log.line("routes of the allocations that succeeded:");
  print_share(log, "magazine, on the fast path", successes - slow, successes);
  for (const Row& route : kRoutes) print_share(log, route.text, grown(route.count), successes);
  print_share(log, "single bit", single_bits, successes);
  log.line("of plain and nolock calls together:");
  for (const Row& row : kOfAllCalls) log.line("  %-48s %12lu", row.text, grown(row.count));
}

}  // namespace nolock
