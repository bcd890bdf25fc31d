// SPDX-License-Identifier: Apache-2.0
// A thread puts a spare page in the place of a full one and never comes back to mark the full one. The reclaimer finds it
// by the new page, even if that is empty (rcu/page_pool.h G3).
#include "hooks.h"
#include "rcu_pages.h"

using namespace catcher;
using namespace reslab;

namespace {

size_t found;

// Here the thread is gone; what follows is the reclaimer's.
void at_renewed(void*) {
  if (rcu.pages.full() != 0 || found != 0) return;
  if (with_rseq() && is_closed(open_header())) return;
  drain_pages();
  found = take_full_pages().size();
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  expect(rcu.has_pages(), "pages are what this is about");
  for (uint32_t i = 0; i < PagePool::kPointers; ++i) reslab_free_rcu(reslab_malloc(32));
  const support::Hook hook("rcu_renewed", at_renewed);
  reslab_free_rcu(reslab_malloc(32));
  expect(found == PagePool::kPointers, "%zu of %u objects of a page that nobody has marked were found", found,
         PagePool::kPointers);
  return 0;
}
