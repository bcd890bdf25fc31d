// SPDX-License-Identifier: Apache-2.0
// Zeroed memory is zero even when the run was used before, and when the kernel has refused to take its pages because
// they are locked (37). The free that was refused keeps errno.
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "catcher.h"

using namespace catcher;

namespace {

constexpr size_t kBytes = 1 << 20;

bool is_zero(const char* bytes, size_t length) {
  return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv, "dirty_min=0:dirty_percent=0");
  char* used = static_cast<char*>(reslab_malloc(kBytes));
  memset(used, 0xa5, kBytes);
  expect(mlock(used, kBytes) == 0, "memory cannot be locked: %s", strerror(errno));
  const uint64_t purged = stats().bytes_purged;
  errno = 77;
  reslab_free(used);
  expect(errno == 77, "a free has set errno to %d", errno);
  expect(stats().bytes_purged == purged, "locked memory counts as given back");

  char* cleared = static_cast<char*>(reslab_calloc(1, kBytes));
  expect(cleared == used, "the run was not used again: this test needs another way");
  expect(is_zero(opaque(cleared), kBytes), "zeroed memory holds what its last user wrote");
  munlock(cleared, kBytes);
  reslab_free(cleared);
  expect_sound_heap();
}
