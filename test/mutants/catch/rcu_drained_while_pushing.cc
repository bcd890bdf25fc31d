// SPDX-License-Identifier: Apache-2.0
// The reclaimer takes away the page that a push is in flight to: the push commits behind the closing, and before the
// fence is done. Its object must be found in the page (rcu/cpu_pages.h G2). Played by one thread: the fence is the program's
// own, and in it the push commits.
#include <algorithm>

#include "rcu_pages.h"

using namespace catcher;
using namespace reslab;

namespace {

void* in_flight;
int fences;

bool fence() {
  ++fences;
  std::atomic<uint64_t>& header = open_header();
  expect(is_closed(header), "the page is open while its pushes are waited for");
  expect(rcu.pages.full() == 0, "the page counts as full before the fence");
  const uint32_t top = top_of(header).load();
  rcu.pages.words()[top].store(reinterpret_cast<uintptr_t>(in_flight));
  top_of(header).store(top + 1);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  expect(with_rseq() && rcu.has_pages(), "pages are what this is about");
  void* before = reslab_malloc(64);
  in_flight = reslab_malloc(64);
  reslab_free_rcu(before);
  rcu.open.drain(1, 0, fence);
  expect(fences == 1, "%d fences for one page", fences);
  const std::vector<void*> taken = take_full_pages();
  expect(taken.size() == 2 && taken[0] == before && taken[1] == in_flight,
         "the page was taken with %zu objects, and not the one in flight", taken.size());
  return 0;
}
