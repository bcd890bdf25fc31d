// SPDX-License-Identifier: Apache-2.0
#include "state.h"

#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "scheduler.h"

extern "C" char __data_start, _end;  // of the program

namespace schedules {
namespace {

constexpr uintptr_t kPage = 4096;
constexpr size_t kMostForeign = 128;

struct Range {
  uintptr_t begin, end;
};

// In memory that is shared, and therefore in no state.
struct Scratch {
  int maps, pagemap;
  Range foreign[kMostForeign];
  size_t foreign_count;
  size_t thread_local_bytes;
  char text[1 << 16];
  uint64_t pages[512];
} * scratch;

uint64_t rotated(uint64_t word) { return word << 29 | word >> 35; }
constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;

// --- what is mapped --------------------------------------------------------------------------------------------------

struct Mapping {
  Range range;
  const char* permissions;
  const char* name;  // ends with the line
};

uint64_t hex(const char*& at) {
  uint64_t number = 0;
  for (;; ++at) {
    if (*at >= '0' && *at <= '9') number = number << 4 | static_cast<uint64_t>(*at - '0');
    else if (*at >= 'a' && *at <= 'f') number = number << 4 | static_cast<uint64_t>(*at - 'a' + 10);
    else return number;
  }
}

void read_maps() {
  size_t length = 0;
  for (;;) {
    const ssize_t n =
        pread(scratch->maps, scratch->text + length, sizeof scratch->text - 1 - length, static_cast<off_t>(length));
    if (n <= 0) break;
    length += static_cast<size_t>(n);
  }
  if (length == sizeof scratch->text - 1) abort();  // not all of it
  scratch->text[length] = '\0';
}

// "START-END rwxp OFFSET DEVICE INODE   NAME"
template <class Visit>
void for_each_mapping(Visit visit) {
  read_maps();
  for (const char* at = scratch->text; *at != '\0';) {
    Mapping mapping = {};
    mapping.range.begin = hex(at);
    mapping.range.end = hex(++at);
    mapping.permissions = at + 1;
    const char* end = strchr(at, '\n');
    for (int blanks = 0; blanks < 5 && at < end; ++at) blanks += *at == ' ' ? 1 : 0;
    while (*at == ' ') ++at;
    mapping.name = at;
    visit(mapping);
    at = end + 1;
  }
}

// libc's heap and the stack of the main thread, which only the explorer uses, and what it shares with its children.
bool is_of_the_player(const Mapping& mapping) {
  return strncmp(mapping.name, "[heap]", 6) == 0 || strncmp(mapping.name, "[stack]", 7) == 0 ||
         mapping.permissions[3] == 's';
}

// Has contents that may change: can be written to and holds no code (hooks have pages of their own).
bool may_change(const Mapping& mapping) { return mapping.permissions[1] == 'w' && mapping.permissions[2] != 'x'; }

Range program_data() {
  return {reinterpret_cast<uintptr_t>(&__data_start) & ~(kPage - 1),
          (reinterpret_cast<uintptr_t>(&_end) + kPage - 1) & ~(kPage - 1)};
}

// --- what is in it ---------------------------------------------------------------------------------------------------

// 0 for a page of zeros: whether such a page is there makes no difference.
uint64_t hash_of_page(uintptr_t page) {
  const auto* words = reinterpret_cast<const uint64_t*>(page);
  uint64_t lanes[4] = {page, page + 1, page + 2, page + 3};
  uint64_t any = 0;
  for (size_t i = 0; i < kPage / sizeof(uint64_t); i += 4) {
    for (size_t lane = 0; lane < 4; ++lane) {
      any |= words[i + lane];
      lanes[lane] = rotated(lanes[lane] ^ words[i + lane]) * kOdd;
    }
  }
  if (any == 0) return 0;
  return mix(mix(mix(lanes[0], lanes[1]), lanes[2]), lanes[3]);
}

uint64_t hash_of_range(uint64_t hash, Range range) {
  constexpr size_t kAtOnce = sizeof scratch->pages / sizeof scratch->pages[0];
  for (uintptr_t page = range.begin; page < range.end;) {
    size_t n = (range.end - page) / kPage;
    if (n > kAtOnce) n = kAtOnce;
    const auto offset = static_cast<off_t>(page / kPage * sizeof(uint64_t));
    if (pread(scratch->pagemap, scratch->pages, n * sizeof(uint64_t), offset) !=
        static_cast<ssize_t>(n * sizeof(uint64_t)))
      violation("no pagemap");
    for (size_t i = 0; i < n; ++i, page += kPage) {
      if (scratch->pages[i] >> 62 == 0) continue;  // neither in memory nor swapped out
      const uint64_t contents = hash_of_page(page);
      if (contents != 0) hash = mix(hash, contents);
    }
  }
  return hash;
}

uint64_t hash_of_words(uint64_t hash, const char* from, const char* to) {
  const auto* word = reinterpret_cast<const uint64_t*>(reinterpret_cast<uintptr_t>(from) & ~uintptr_t{7});
  for (; word < reinterpret_cast<const uint64_t*>(to); ++word) hash = rotated(hash ^ *word) * kOdd;
  return hash;
}

// Of the program itself: its part is the one next to the thread pointer. libc's has the address of memory that the
// thread draws from it as it begins, in no order.
int note_thread_local_bytes(dl_phdr_info* module, size_t, void*) {
  for (size_t i = 0; i < module->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = module->dlpi_phdr[i];
    if (part.p_type == PT_TLS) scratch->thread_local_bytes = (part.p_memsz + part.p_align - 1) & ~(part.p_align - 1);
  }
  return 1;  // the program is the first, and enough
}

// The parts of a mapping that are not foreign. The kernel joins neighbours, so one may be both.
uint64_t hash_of_mapping(uint64_t hash, Range range) {
  while (range.begin < range.end) {
    Range part = range;
    for (size_t i = 0; i < scratch->foreign_count; ++i) {
      const Range& foreign = scratch->foreign[i];
      if (foreign.begin <= part.begin && part.begin < foreign.end) part.begin = foreign.end;
      else if (part.begin < foreign.begin && foreign.begin < part.end) part.end = foreign.begin;
    }
    if (part.begin >= part.end) return hash;
    hash = hash_of_range(hash, part);
    range.begin = part.end;
  }
  return hash;
}

}  // namespace

uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * kOdd;
  return hash ^ hash >> 32;
}

void note_foreign_memory() {
  void* shared = mmap(nullptr, sizeof(Scratch), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) abort();
  scratch = static_cast<Scratch*>(shared);
  dl_iterate_phdr(note_thread_local_bytes, nullptr);
  open_states();
  for_each_mapping([](const Mapping& mapping) {
    if (!may_change(mapping) || is_of_the_player(mapping)) return;
    const Range own = program_data();
    const bool is_own = mapping.range.begin < own.end && own.begin < mapping.range.end;
    if (!is_own)
      exclude_from_states(reinterpret_cast<void*>(mapping.range.begin), mapping.range.end - mapping.range.begin);
  });
  close(scratch->maps);
  close(scratch->pagemap);
}

void exclude_from_states(const void* start, size_t bytes) {
  if (scratch->foreign_count == kMostForeign) abort();
  const auto begin = reinterpret_cast<uintptr_t>(start);
  scratch->foreign[scratch->foreign_count++] = {begin, begin + bytes};
}

void open_states() {
  scratch->maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  scratch->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (scratch->maps < 0 || scratch->pagemap < 0) abort();
}

uint64_t hash_of_memory() {
  uint64_t hash = 1;
  for_each_mapping([&hash](const Mapping& mapping) {
    if (is_of_the_player(mapping)) return;
    // Where there is no access there may be address space that is reserved, or that somebody has forgotten to give
    // back.
    uint32_t permissions;
    memcpy(&permissions, mapping.permissions, sizeof permissions);
    hash = mix(mix(mix(hash, mapping.range.begin), mapping.range.end), permissions);
    if (may_change(mapping)) hash = hash_of_mapping(hash, mapping.range);
  });
  return hash;
}

uint64_t hash_of_stand(const Stand& stand) {
  uint64_t hash = 2;
  for (const uint64_t value : stand.registers) hash = mix(hash, value);
  hash = hash_of_words(hash, stand.from, stand.to);
  hash = hash_of_words(hash, stand.thread_pointer - scratch->thread_local_bytes, stand.thread_pointer);
  if (!stand.is_scripted) return hash;
  const auto* rseq = reinterpret_cast<const uint64_t*>(stand.thread_pointer + __rseq_offset);
  for (int i = 0; i < 4; ++i) hash = mix(hash, rseq[i]);
  return hash;
}

// --- the set ---------------------------------------------------------------------------------------------------------

StateSet* StateSet::make() {
  void* shared =
      mmap(nullptr, sizeof(StateSet), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (shared == MAP_FAILED) abort();
  return static_cast<StateSet*>(shared);
}

void StateSet::clear() { madvise(this, sizeof(StateSet), MADV_REMOVE); }  // zeros again

void StateSet::destroy(StateSet* set) { munmap(set, sizeof(StateSet)); }

bool StateSet::add(uint64_t state) {
  if (is_full()) return false;
  const uint64_t wanted = state == 0 ? 1 : state;
  for (uint64_t i = mix(wanted, 0);; ++i) {  // ends: a quarter is free
    uint64_t& slot = slots_[i % kSlots];
    if (slot == wanted) return false;
    if (slot != 0) continue;
    slot = wanted;
    ++count_;
    return true;
  }
}

}  // namespace schedules
