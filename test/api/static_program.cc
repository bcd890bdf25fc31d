// SPDX-License-Identifier: Apache-2.0
// A C++ program linked statically with libreslab-malloc.a: containers, threads, exceptions, and every malloc its own.

#include <malloc.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "mode.h"

namespace {

// The address range of reslab's memory, which everything must come from.
bool is_ours(const void* pointer) {
  reslab_status status = {};
  EXPECT(reslab_get_status(&status, sizeof status) == 0);
  return reinterpret_cast<uintptr_t>(pointer) - status.arena_base < status.arena_window_bytes;
}

void expect_ours(void* pointer) {
  EXPECT(pointer != nullptr && is_ours(pointer));
  free(pointer);
}

void work(unsigned seed) {
  std::map<std::string, std::vector<int>> map;
  for (unsigned i = 0; i < 20000; ++i) {
    const std::string key = std::to_string((i * 2654435761u + seed) % 997) + std::string(i % 100, 'k');
    map[key].push_back(static_cast<int>(i));
    if (i % 7 == 0) map.erase(map.begin());
  }
  size_t count = 0;
  for (const auto& entry : map) count += entry.second.size();
  EXPECT(count > 0);
  EXPECT(is_ours(&*map.begin()));
}

}  // namespace

int main() {
  expect_ours(malloc(100));
  expect_ours(calloc(10, 10));
  expect_ours(aligned_alloc(64, 640));
  expect_ours(memalign(128, 100));
  expect_ours(realloc(nullptr, 1 << 20));
  expect_ours(strdup("text of libc's own making"));
  operator delete (opaque(operator new(100)), size_t{100});
  expect_mode();

  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();

  volatile size_t impossible = PTRDIFF_MAX;
  try {
    std::vector<char> bytes(impossible - 1);
    EXPECT(opaque(bytes.data()) == nullptr);
  } catch (const std::bad_alloc&) {
    puts("caught");
  }
  EXPECT(reslab_check(STDERR_FILENO) == 0);
  return verdict();
}
