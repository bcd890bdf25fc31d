// SPDX-License-Identifier: Apache-2.0
// The library's first call comes when the process may have no further mapping (mappings.h): there is nothing to begin with,
// so every call gives NULL, and when the mappings are given back the next one begins.
#include "before_library.h"
#include "mappings.h"
#include "mode.h"

namespace {

constexpr size_t kLargest = 64 << 20;

void expect_refusals() {
  for (size_t bytes = 1; bytes <= kLargest; bytes *= 4) {
    errno = 0;
    EXPECT(opaque(reslab_malloc(bytes)) == nullptr && errno == ENOMEM);
    errno = 0;
    EXPECT(opaque(reslab_calloc(1, bytes)) == nullptr && errno == ENOMEM);
    errno = 0;
    EXPECT(opaque(reslab_malloc_nolock(bytes, 0)) == nullptr && errno == 0);
  }
  reslab_free(nullptr);
  errno = 0;
  EXPECT(reslab_check(STDERR_FILENO) == -1 && errno == ENOMEM);
}

void expect_service() {
  for (size_t bytes = 1; bytes <= kLargest; bytes *= 4) {
    void* object = opaque(reslab_malloc(bytes));
    EXPECT(object != nullptr);
    reslab_free(object);
  }
}

// In a shared library's constructor the first call has been made by the time of main.
void make_first_calls(int, char**) {
  if (!mappings_can_be_used_up()) _exit(kSkipped);
  EXPECT(take_all_mappings() == 0);
  expect_refusals();
  EXPECT(give_mappings_back() == 0);
  expect_service();
}

}  // namespace

BEFORE_LIBRARY(make_first_calls);

int main() {
  expect_service();
  expect_mode();
  EXPECT(reslab_check(STDERR_FILENO) == 0);
  return verdict();
}
