// SPDX-License-Identifier: Apache-2.0
// One thread that nobody interrupts never finds a local lock taken.
#include <vector>

#include "catcher.h"

using namespace catcher;

int main(int argc, char** argv) {
  start(argc, argv);
  for (const size_t bytes : {64, 1024}) {
    std::vector<void*> objects;
    for (int i = 0; i < 3000; ++i) objects.push_back(reslab_malloc(bytes));
    for (void* object : objects) reslab_free(object);
  }
  const reslab_stats now = stats();
  expect(now.refills > 10, "there were only %zu refills", static_cast<size_t>(now.refills));
  expect(now.local_lock_busy_self == 0 && now.local_lock_busy_other == 0,
         "locks were found taken: by this thread %zu times, by others %zu times",
         static_cast<size_t>(now.local_lock_busy_self), static_cast<size_t>(now.local_lock_busy_other));
}
