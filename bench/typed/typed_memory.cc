// SPDX-License-Identifier: Apache-2.0
// What a typed cache needs over the payload of its objects: `typed_memory MODE [COUNT]`. Makes COUNT objects (ten million)
// of 72, of 200 and of 1,200 bytes in turn, writes all of each, and prints what is resident above that. Fails above 2 %.
#include <reslab/reslab.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr double kMostPercent = 2.0;

size_t resident_bytes() {
  FILE* file = fopen("/proc/self/statm", "r");
  size_t total = 0, resident = 0;
  const bool is_read = file != nullptr && fscanf(file, "%zu %zu", &total, &resident) == 2;
  if (file != nullptr) fclose(file);
  return is_read ? resident * 4096 : 0;
}

// In percent of the payload; the table of pointers is touched before.
double overhead(size_t bytes, size_t count) {
  const reslab_cache_args args = {bytes, 8, RESLAB_CACHE_NO_MERGE, nullptr, nullptr};
  reslab_cache* cache = reslab_cache_create("measured", &args);
  if (cache == nullptr) abort();
  std::vector<void*> objects(count, &objects);
  const size_t before = resident_bytes();
  for (void*& object : objects) {
    object = reslab_cache_alloc(cache);
    if (object == nullptr) abort();
    memset(object, 1, bytes);
  }
  const size_t after = resident_bytes();
  if (before == 0 || after < before + bytes * count) abort();
  for (void* object : objects) reslab_cache_free(cache, object);
  if (reslab_cache_destroy(cache) != 0) abort();
  reslab_trim(0);
  const auto payload = static_cast<double>(bytes) * static_cast<double>(count);
  return 100 * (static_cast<double>(after - before) / payload - 1);
}

}  // namespace

int main(int argc, char** argv) {
  const size_t count = argc > 2 ? strtoull(argv[2], nullptr, 10) : 10'000'000;
  if (argc < 2 || argc > 3 || count == 0) return fprintf(stderr, "usage: typed_memory rseq|fallback [COUNT]\n"), 2;
  reslab_status status = {};
  if (reslab_get_status(&status, sizeof status) != 0 ||
      (status.mode == RESLAB_MODE_RSEQ) != (strcmp(argv[1], "rseq") == 0)) {
    return fprintf(stderr, "typed_memory: the mode is not %s: %s\n", argv[1], status.mode_reason), 1;
  }
  bool is_little = true;
  for (const size_t bytes : {size_t{72}, size_t{200}, size_t{1200}}) {
    const double percent = overhead(bytes, count);
    printf("| %zu | %zu | %.2f %% |\n", count, bytes, percent);
    is_little = is_little && percent < kMostPercent;
  }
  return is_little ? 0 : 1;
}
