// SPDX-License-Identifier: Apache-2.0
// The standard faces of malloc tell the truth: each figure of mallinfo2, malloc_info and malloc_stats moves by what the
// program does, agrees with reslab_get_stats, and malloc_trim says whether memory went back.

#include <gtest/gtest.h>
#include <malloc.h>
#include <reslab/reslab.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "support/opaque.h"

namespace api {
namespace {

using unit::opaque;

constexpr size_t kMiB = 1 << 20;

reslab_stats stats_now() {
  reslab_stats stats = {};
  EXPECT_EQ(reslab_get_stats(&stats, sizeof stats), 0);
  return stats;
}

size_t resident_bytes() {
  FILE* statm = fopen("/proc/self/statm", "r");
  size_t size = 0, resident = 0;
  EXPECT_EQ(fscanf(statm, "%zu %zu", &size, &resident), 2);
  fclose(statm);
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// `count` touched objects of `bytes` each.
std::vector<void*> fill(size_t count, size_t bytes) {
  std::vector<void*> objects(count);
  for (void*& object : objects) memset(object = opaque(malloc(bytes)), 1, bytes);
  return objects;
}
void free_all(const std::vector<void*>& objects) {
  for (void* object : objects) free(object);
}

// What malloc_info printed: {element and name or type: {attribute: value}}. Anything but elements of one line fails.
std::map<std::string, std::map<std::string, std::string>> parse_info(const char* text) {
  std::map<std::string, std::map<std::string, std::string>> found;
  std::string all = text;
  EXPECT_EQ(all.rfind("<malloc version=\"reslab-", 0), 0u) << all;
  EXPECT_EQ(all.substr(all.size() - 10), "</malloc>\n");
  for (size_t at = all.find('\n') + 1; at < all.size() - 10;) {
    const size_t end = all.find("/>\n", at);
    if (end == std::string::npos || all[at] != '<') {
      ADD_FAILURE() << "no element: " << all.substr(at, 80);
      break;
    }
    const std::string element = all.substr(at + 1, end - at - 1);
    std::map<std::string, std::string> attributes;
    for (size_t equals = element.find("=\""); equals != std::string::npos; equals = element.find("=\"", equals + 1)) {
      const size_t name = element.rfind(' ', equals) + 1;
      attributes[element.substr(name, equals - name)] =
          element.substr(equals + 2, element.find('"', equals + 2) - equals - 2);
    }
    const char* key = attributes.contains("name") ? "name" : "type";
    found[element.substr(0, element.find(' ')) + " " + attributes[key]] = attributes;
    at = end + 3;
  }
  return found;
}

TEST(Mallinfo2, IsOfTheWholeHeap) {
  const auto kept = fill(100, 3000);
  const struct mallinfo2 info = mallinfo2();
  const reslab_stats stats = stats_now();
  EXPECT_EQ(info.arena + info.hblkhd, stats.bytes_committed);
  EXPECT_EQ(info.uordblks + info.hblkhd, stats.bytes_live);
  EXPECT_EQ(info.uordblks + info.fordblks, info.arena);
  free_all(kept);
}

TEST(Mallinfo2, SmallObjectsAreInUse) {
  std::vector<void*> objects(1000);
  const struct mallinfo2 before = mallinfo2();
  for (void*& object : objects) object = opaque(malloc(1000));
  const struct mallinfo2 after = mallinfo2();
  EXPECT_EQ(after.uordblks - before.uordblks, 1000 * malloc_usable_size(objects[0]));
  EXPECT_EQ(after.hblks, before.hblks);
  free_all(objects);
  EXPECT_EQ(mallinfo2().uordblks, before.uordblks);
}

TEST(Mallinfo2, LargeBlocksAreCountedApart) {
  const struct mallinfo2 before = mallinfo2();
  void* large = opaque(malloc(3 * kMiB));
  const struct mallinfo2 after = mallinfo2();
  EXPECT_EQ(after.hblks, before.hblks + 1);
  EXPECT_EQ(after.hblkhd, before.hblkhd + 3 * kMiB);
  EXPECT_EQ(after.uordblks, before.uordblks);
  free(large);
  EXPECT_EQ(mallinfo2().hblks, before.hblks);
}

TEST(Mallinfo2, KeepcostIsWhatTrimGivesBack) {
  void* large = opaque(malloc(kMiB / 2));
  memset(large, 1, kMiB / 2);
  free(large);
  EXPECT_GE(mallinfo2().keepcost, kMiB / 2);
  malloc_trim(0);
  EXPECT_EQ(mallinfo2().keepcost, 0u);
}

TEST(Mallinfo, IsTheSameInNarrowFields) {
  const struct mallinfo2 wide = mallinfo2();
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  const struct mallinfo narrow = mallinfo();
#pragma GCC diagnostic pop
  EXPECT_EQ(static_cast<size_t>(narrow.arena), wide.arena);
  EXPECT_EQ(static_cast<size_t>(narrow.uordblks), wide.uordblks);
  EXPECT_EQ(static_cast<size_t>(narrow.fordblks), wide.fordblks);
  EXPECT_EQ(static_cast<size_t>(narrow.ordblks), wide.ordblks);
  EXPECT_EQ(static_cast<size_t>(narrow.keepcost), wide.keepcost);
}

TEST(MallocInfo, HasEachClassAsReslabSeesIt) {
  const auto kept = fill(500, 200);
  char text[65536] = {};
  FILE* stream = fmemopen(text, sizeof text - 1, "w");
  ASSERT_EQ(malloc_info(0, stream), 0);
  fclose(stream);
  static reslab_class_stats classes[4096];
  const int count = reslab_get_class_stats(classes, 4096, sizeof classes[0]);
  const reslab_stats stats = stats_now();  // parsing allocates
  auto found = parse_info(text);
  int seen = 0;
  for (int i = 0; i < count; ++i) {
    const reslab_class_stats& one = classes[i];
    if (one.capacity == 0) continue;
    ++seen;
    auto& attributes = found["class " + std::string(one.name)];
    EXPECT_EQ(attributes["bytes"], std::to_string(one.object_bytes)) << one.name;
    EXPECT_EQ(attributes["capacity"], std::to_string(one.capacity)) << one.name;
    const auto n = [&](const char* name) { return std::stoul(attributes[name]); };
    EXPECT_EQ(n("live") + n("magazines") + n("depot") + n("deferred") + n("in_hand") + n("free"), n("capacity"))
        << one.name;
    EXPECT_EQ(n("slabs"), one.slabs_active + one.slabs_partial + one.slabs_full + one.slabs_empty) << one.name;
  }
  EXPECT_GT(seen, 2);
  EXPECT_GE(std::stoul(found["class 208"]["live"]), 500u);
  EXPECT_EQ(found["system current"]["size"], std::to_string(stats.bytes_committed));
  EXPECT_EQ(found["system metadata"]["size"], std::to_string(stats.bytes_metadata));
  free_all(kept);
}

TEST(MallocInfo, RefusesOptions) { EXPECT_EQ(malloc_info(1, stderr), EINVAL); }

TEST(MallocStats, PrintsWhatReslabCounts) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const int saved = dup(STDERR_FILENO);
  dup2(pipe_ends[1], STDERR_FILENO);
  const reslab_stats before = stats_now();
  malloc_stats();
  dup2(saved, STDERR_FILENO);
  close(pipe_ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(pipe_ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(n));
  close(pipe_ends[0]);
  close(saved);
  const auto says = [&](const char* name, uint64_t value) {
    return text.find("reslab: " + std::string(name) + "=" + std::to_string(value) + "\n") != std::string::npos;
  };
  EXPECT_TRUE(says("bytes_live", before.bytes_live)) << text;
  EXPECT_TRUE(says("bytes_committed", before.bytes_committed)) << text;
  EXPECT_TRUE(says("refills", before.refills)) << text;
  EXPECT_TRUE(says("pid", static_cast<uint64_t>(getpid()))) << text;
}

TEST(MallocTrim, SaysWhetherMemoryWentBack) {
  malloc_trim(0);
  free_all(fill(100000, 300));
  const size_t before = resident_bytes();
  const reslab_stats stats_before = stats_now();
  const int result = malloc_trim(0);
  const uint64_t purged = stats_now().bytes_purged - stats_before.bytes_purged;
  EXPECT_EQ(result, purged > 0 ? 1 : 0);
  EXPECT_LE(resident_bytes(), before + kMiB);
  malloc_trim(0);
  EXPECT_EQ(malloc_trim(0), 0) << "nothing was left to give back";
}

TEST(MallocTrim, KeepsErrno) {
  errno = 77;
  malloc_trim(0);
  EXPECT_EQ(errno, 77);
}

TEST(Mallopt, AcceptsWhatChangesNothing) { EXPECT_EQ(mallopt(M_MMAP_THRESHOLD, 1 << 20), 1); }

}  // namespace
}  // namespace api
