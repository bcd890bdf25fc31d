// SPDX-License-Identifier: Apache-2.0
#include "heap/root.h"

#include <sys/auxv.h>
#include <unistd.h>

#include "base/hooks.h"
#include "base/random.h"
#include "base/text.h"
#include "base/unwind.h"
#include "cache/magazine.h"
#include "cache/placement.h"
#include "platform/fast_path.h"
#include "platform/page_size.h"
#include "platform/small_file.h"
#include "platform/vm.h"

namespace reslab {

constinit std::atomic<Root*> published_root{nullptr};

// The way to the root from outside: an alias, since the core reaches its own by a hidden name, and protected, so that no
// program gets a copy of it by linking; and its address in a note, relative to the note itself.
extern "C" {
extern std::atomic<Root*> reslab_image __attribute__((visibility("protected"), alias("_ZN6reslab14published_rootE")));
}
__asm__(
    ".pushsection .note.reslab, \"a\", %note\n"
    "  .balign 4\n"
    "  .long 7, 8, 1\n"
    "  .asciz \"reslab\"\n"
    "  .balign 4\n"
    "0: .quad _ZN6reslab14published_rootE - 0b\n"
    ".popsection\n");
static_assert(kImageNoteType == 1);

namespace {

constinit std::atomic<bool> adopted{false};

constexpr size_t kGiB = size_t{1} << 30;
constexpr uintptr_t kWindowHint = uintptr_t{16} << 40;  // far from where the kernel, Go and sanitizers put things
constexpr uint32_t kMaxBlockChunks = 1024;              // a million blocks

// Sizes and places of everything; filled in the order of the members.
struct Plan {
  uint32_t window_units;
  uint32_t reserved_units;
  size_t guard;  // bytes that cannot be touched: before the root, around the regions, and behind it all
  size_t root, bitmaps, class_of, node_of, node_lists, node_depots, writable_end, readable, regions, readable_end,
      block_chunks, unit_chunks, total;  // offsets in the metadata
  uint32_t max_block_chunks;
  size_t left;  // address space under the limit before any of it; SIZE_MAX: no limit
};

// The window under a limit is what the limit allows; reserved of it is at most half of what is left (36).
void plan_window(Plan& plan, const AddressSpace& space) {
  const size_t wanted = 4 * vm_physical_bytes();
  size_t window = wanted < 64 * kGiB ? 64 * kGiB : wanted > 1024 * kGiB ? 1024 * kGiB : wanted;
  size_t reserved = window;
  plan.left = SIZE_MAX;
  if (space.limit != SIZE_MAX) {
    plan.left = space.limit > space.used ? space.limit - space.used : 0;
    if (window > space.limit) window = space.limit;
    if (reserved > plan.left / 2) reserved = plan.left / 2;
  }
  const size_t units = window >> kUnitShift;
  plan.window_units = static_cast<uint32_t>(units < kMaxUnits ? units : kMaxUnits - 1);
  plan.reserved_units = static_cast<uint32_t>(reserved >> kUnitShift);
  if (plan.reserved_units > plan.window_units) plan.reserved_units = plan.window_units;
}

// Regions beyond the slots are for ids that should not be: under a limit they are left out if they would take much of it.
bool spare_is_little(size_t spare_bytes, size_t limit) { return spare_bytes <= limit / 16; }

uint32_t region_count(const CpuSetup& cpu, size_t left) {
  return spare_is_little(size_t{cpu.regions - cpu.slots} * kRegionBytes, left) ? cpu.regions : cpu.slots;
}

void plan_metadata(Plan& plan, const CpuSetup& cpu) {
  const size_t words = plan.window_units / 64 + 1;
  const size_t chunks = plan.window_units / kUnitsInChunk + 1;
  plan.max_block_chunks = static_cast<uint32_t>(chunks < kMaxBlockChunks ? chunks : kMaxBlockChunks);
  plan.root = plan.guard;
  plan.bitmaps = plan.root + round_up(sizeof(Root), kMostPageBytes);
  plan.class_of = plan.bitmaps + round_up((2 * words + words / 64 + 1) * 8, kMostPageBytes);
  plan.node_of = plan.class_of + round_up(size_t{plan.window_units} * 2, kMostPageBytes);
  const size_t classes_of_others = size_t{cpu.nodes - 1} * kMaxClasses;
  plan.node_lists = plan.node_of + (cpu.nodes > 1 ? round_up(plan.window_units, kMostPageBytes) : 0);
  plan.node_depots = plan.node_lists + round_up(classes_of_others * sizeof(SlabLists), kMostPageBytes);
  plan.writable_end = plan.node_depots + round_up(classes_of_others * sizeof(TaggedStack), kMostPageBytes);
  plan.readable = plan.writable_end + plan.guard;
  plan.regions = plan.readable + kMostPageBytes;  // the page between holds the word below region 0 (2)
  plan.readable_end = plan.regions + size_t{region_count(cpu, plan.left)} * kRegionBytes;
  plan.block_chunks = plan.readable_end + plan.guard;
  plan.unit_chunks = plan.block_chunks + plan.max_block_chunks * kBlockChunkBytes;
  plan.total = plan.unit_chunks + chunks * kChunkBytes + plan.guard;
}

// Random bits the kernel has put on every process's stack. To look for them takes more than a hundred instructions.
struct RandomBits {
  uint64_t first, second;
};

RandomBits random_bits() {
  const auto* bytes = reinterpret_cast<const char*>(getauxval(AT_RANDOM));  // not aligned
  RandomBits bits = {0x9e3779b97f4a7c15, 0x9e3779b97f4a7c15};
  if (bytes != nullptr) __builtin_memcpy(&bits, bytes, sizeof bits);
  return bits;
}

// Reserved at a random place, aligned to 2 MiB for huge pages; wherever the kernel likes if that place is taken.
char* reserve_window(size_t bytes) {
  constexpr size_t kAlign = size_t{2} << 20;
  const uintptr_t hint = kWindowHint + (random_bits().first & 0xfff) * (4 * kGiB);
  auto start = reinterpret_cast<uintptr_t>(vm_reserve(bytes, hint));
  if (start == 0 || start % kUnitBytes == 0) return reinterpret_cast<char*>(start);
  vm_release(reinterpret_cast<void*>(start), bytes);
  start = reinterpret_cast<uintptr_t>(vm_reserve(bytes + kAlign, 0));
  if (start == 0) return nullptr;
  const uintptr_t aligned = round_up(start, kAlign);
  if (aligned != start) vm_release(reinterpret_cast<void*>(start), aligned - start);
  const uintptr_t tail = start + kAlign - aligned;
  if (tail != 0) vm_release(reinterpret_cast<void*>(aligned + bytes), tail);
  return reinterpret_cast<char*>(aligned);
}

// Halves what is reserved until it fits; the rest of the window can be reserved later.
char* reserve_what_fits(Plan& plan) {
  for (; plan.reserved_units >= 16; plan.reserved_units /= 2) {  // ends: it halves
    char* start = reserve_window(size_t{plan.reserved_units} << kUnitShift);
    if (start != nullptr) return start;
  }
  return nullptr;
}

void unmap_root(Root* made) {
  vm_release(reinterpret_cast<void*>(made->arena.window().base), made->reserved_bytes);
  vm_release(made->fork_page, sizeof(ForkPage));
  if (made->debug != nullptr) vm_release(made->debug, made->debug_bytes);
  if (made->profile != nullptr) vm_release(made->profile, sizeof(ProfileTables));
  vm_release(made->metadata, made->metadata_bytes);
}

// Before Linux 4.14 the page is not wiped and forks go unnoticed: what dead threads carried stays lost, nothing else.
ForkPage* make_fork_page(bool& wipes) {
  void* page = vm_map(sizeof(ForkPage));
  if (page == nullptr) return nullptr;
  wipes = vm_wipe_on_fork(page, sizeof(ForkPage));
  auto* fork_page = static_cast<ForkPage*>(page);
  fork_page->word.store(kForkSettled, std::memory_order_relaxed);
  return fork_page;
}

void fill_root(Root& made, const Plan& plan, char* metadata, char* window) {
  made.metadata = metadata;
  made.metadata_bytes = plan.total;
  made.reserved_bytes = size_t{plan.reserved_units} << kUnitShift;
  made.counters = &counters;
  // Of both words, which are the C library's stack and pointer guards: a link that leaks tells neither.
  const RandomBits bits = random_bits();
  made.deferred_key = mix_bits(bits.first + mix_bits(bits.second));
  made.draws.store(mix_bits(bits.second + mix_bits(bits.first)), std::memory_order_relaxed);
  made.regions = metadata + plan.regions;
  made.spare_region_bytes.store(plan.readable_end - plan.regions - size_t{made.cpu.slots} * kRegionBytes,
                                std::memory_order_relaxed);
  made.arena.init({reinterpret_cast<uintptr_t>(window), plan.window_units, metadata + plan.unit_chunks,
                   reinterpret_cast<uint16_t*>(metadata + plan.class_of),
                   made.cpu.nodes > 1 ? reinterpret_cast<uint8_t*>(metadata + plan.node_of) : nullptr},
                  plan.reserved_units, reinterpret_cast<std::atomic<uint64_t>*>(metadata + plan.bitmaps));
  made.blocks.init(metadata + plan.block_chunks, plan.max_block_chunks);
  made.depot.init(made.depot_classes, reinterpret_cast<TaggedStack*>(metadata + plan.node_depots));
  made.node_lists = reinterpret_cast<SlabLists*>(metadata + plan.node_lists);
  if (made.cpu.nodes > 1) made.topology.nodes = made.cpu.nodes;  // else it stays untouched, a page less
  made.slots.init(made.cpu.slots, made.region_ready);
  for (ClassId cls = 1; cls < kMallocClasses; ++cls) made.start_tests[cls] = start_test(class_info(cls));
}

// What a root is made of; nullptr: not there (yet).
struct Parts {
  DebugTables* debug;
  char* metadata;
  char* window;
  ForkPage* fork_page;
  bool wipes_on_fork;
};

void unmap_parts(Parts& parts, const Plan& plan) {
  if (parts.fork_page != nullptr) vm_release(parts.fork_page, sizeof(ForkPage));
  if (parts.window != nullptr) vm_release(parts.window, size_t{plan.reserved_units} << kUnitShift);
  if (parts.metadata != nullptr) vm_release(parts.metadata, plan.total);
  if (parts.debug != nullptr) vm_release(parts.debug, DebugTables::bytes_for(plan.window_units));
  parts = {};
}

// All but the debug tables. False: some of it may be there.
bool map_heap(Parts& parts, Plan& plan) {
  parts.metadata = static_cast<char*>(vm_reserve(plan.total, 0));
  if (parts.metadata == nullptr) return false;
  return vm_make_writable(parts.metadata + plan.root, plan.writable_end - plan.root) &&
         vm_make_readable(parts.metadata + plan.readable, plan.readable_end - plan.readable) &&
         (parts.window = reserve_what_fits(plan)) != nullptr &&
         (parts.fork_page = make_fork_page(parts.wipes_on_fork)) != nullptr;
}

// Under a limit a quarter of what is left stays for what is not the heap's: stacks, libraries, files.
bool leaves_room(const Plan& plan) {
  const size_t wanted =
      DebugTables::bytes_for(plan.window_units) + plan.total + (size_t{plan.reserved_units} << kUnitShift);
  return plan.left == SIZE_MAX || wanted <= plan.left / 4 * 3;
}

bool map_debug(Parts& parts, const DebugSettings& settings, const Plan& plan) {
  if (!leaves_room(plan)) return false;
  parts.debug = static_cast<DebugTables*>(vm_map_sparse(DebugTables::bytes_for(plan.window_units)));
  if (parts.debug == nullptr) return false;
  parts.debug->settings = settings;
  parts.debug->clock.start();
  return true;
}

// The tables of debug modes are three times the window, which is as large as they can be had for together with all the
// rest. Whoever has memory without them has it with them: if need be they are not made. False: nothing is mapped.
bool map_parts(Parts& parts, Plan& plan, const DebugSettings& settings, const CpuSetup& cpu) {
  constexpr uint32_t kMostUnits = 1u << 20, kLeastUnits = 1u << 10;
  const Plan whole = plan;
  uint32_t units = settings.modes == 0 ? 0 : whole.window_units < kMostUnits ? whole.window_units : kMostUnits;
  for (; units >= kLeastUnits; units /= 2) {  // ends: it halves
    plan = whole;
    plan.window_units = units;
    if (plan.reserved_units > units) plan.reserved_units = units;
    plan_metadata(plan, cpu);
    if (map_debug(parts, settings, plan) && map_heap(parts, plan)) return true;
    unmap_parts(parts, plan);
  }
  plan = whole;
  plan_metadata(plan, cpu);
  if (map_heap(parts, plan)) return true;
  unmap_parts(parts, plan);
  return false;
}

// nullptr also without memory for it: there is no profile then.
ProfileTables* make_profile(uint64_t rate) {
  if (rate == 0) return nullptr;
  auto* made = static_cast<ProfileTables*>(vm_map_sparse(sizeof(ProfileTables)));
  if (made == nullptr) return nullptr;
  made->rate = rate;
  const RandomBits bits = random_bits();
  made->draws.store(bits.first ^ bits.second, std::memory_order_relaxed);
  return made;
}

InventedMachine invented_machine(const Options& options) {
  const auto at_most = [](uint64_t n, uint32_t most) { return n < most ? static_cast<uint32_t>(n) : most; };
  return {at_most(options.nodes, kMaxNodes), at_most(options.cpus, kMaxSlots)};
}

// The kernel's, or the option's where that is larger.
size_t chosen_page_bytes(PagesOption invented) {
  const size_t own = page_bytes_at_any_time();
  const size_t wanted = kLeastPageBytes << 2 * static_cast<uint32_t>(invented);
  return own > wanted ? own : wanted;
}

Root* build_root() {
  Options options;
  parse_options(options, Speak::kNo);
  const size_t page_bytes = chosen_page_bytes(static_cast<PagesOption>(options.pages));
  if (page_bytes > kMostPageBytes) return nullptr;
  DebugSettings debug_settings;
  read_debug_settings(options, debug_settings);
  const CpuSetup cpu = detect_cpu(static_cast<ModeOption>(options.mode), static_cast<SlotsOption>(options.slots),
                                  invented_machine(options));
  Plan plan;
  plan.guard = options.guard_metadata ? kMostPageBytes : 0;
  plan_window(plan, vm_address_space());
  Parts parts = {};
  if (!map_parts(parts, plan, debug_settings, cpu)) return nullptr;
  auto* made = reinterpret_cast<Root*>(parts.metadata + plan.root);
  made->options = options;
  made->debug = parts.debug;
  made->debug_bytes = DebugTables::bytes_for(plan.window_units);
  made->profile = make_profile(options.profile);
  made->cpu = cpu;
  made->page_bytes = page_bytes;
  made->fork_page = parts.fork_page;
  made->wipes_on_fork = parts.wipes_on_fork;
  size_t overcommit = 0;
  made->strict_commit = read_numbers("/proc/sys/vm/overcommit_memory", &overcommit, 1) == 1 && overcommit == 2;
  made->has_fence = cpu.mode == Mode::kRseq && register_rseq_fence();
  fill_root(*made, plan, parts.metadata, parts.window);
  ImageWriter::fill(*made);
  return made;
}

bool sees_each_free(const Options& options) {
  return options.check_sizes || options.check_frees || options.zero_on_free;
}

// Idempotent: every thread stores the same values. The two limits of the fast path come last (4).
void adopt(Root& from) {
  constexpr auto relaxed = std::memory_order_relaxed;
  published_arena.store(&from.arena, relaxed);
  published_slab_classes.store(from.slab_classes, relaxed);
  published_slab_lists.store(from.node_lists, relaxed);
  published_page_bytes.store(from.page_bytes, relaxed);
  published_topology.store(from.cpu.nodes > 1 ? &from.topology : nullptr, relaxed);
  published_blocks.store(&from.blocks, relaxed);
  published_depot.store(&from.depot, relaxed);
  published_slots.store(&from.slots, relaxed);
  published_class_table.store(&from.class_table, relaxed);
  published_cache_classes.store(from.class_table.infos(), relaxed);
  deferred_key.store(from.deferred_key, relaxed);
  placement_draws.store(from.options.random_placement ? &from.draws : nullptr, relaxed);
  fence_available.store(from.has_fence, relaxed);
  fast_path.regions.store(from.regions, relaxed);
  fast_path.rseq_offset.store(from.cpu.rseq_offset, relaxed);
  fast_path.slot_offset.store(from.cpu.slot_offset, relaxed);
  fast_path.arena_base.store(from.arena.window().base, relaxed);
  fast_path.class_of.store(from.arena.window().class_of - (from.arena.window().base >> kUnitShift), relaxed);
  fast_path.start_tests.store(from.start_tests, relaxed);
  RESLAB_HOOK("root_adopted");
  process_mode.store(from.cpu.mode, std::memory_order_release);
  slabs_keep_pages.store(from.debug != nullptr && from.debug->has(kDebugPoison), relaxed);
  debug_tables.store(from.debug, std::memory_order_release);
  profile_tables.store(from.profile, std::memory_order_release);
  if (from.profile != nullptr) accounts_in_use.store(true, std::memory_order_seq_cst);
  if (!from.options.report_reentry && from.debug == nullptr) {  // which see each call (30)
    const bool rseq = from.cpu.mode == Mode::kRseq;
    // release: on x86-64 the fast path's plain loads see the values above once they see a limit.
    if (!sees_each_free(from.options)) {
      (rseq ? fast_path.arena_bytes : fallback_path.arena_bytes)
          .store(size_t{from.arena.window().units} << kUnitShift, std::memory_order_release);
    }
    std::atomic<size_t>& size_limit = rseq ? fast_path.size_limit : fallback_path.size_limit;
    if (!accounts_in_use.load(std::memory_order_seq_cst)) size_limit.store(kTableBytes + 1, std::memory_order_seq_cst);
    // seq_cst, against group_enter: it sets the flag, then the limit; one of the two sees the other.
    if (accounts_in_use.load(std::memory_order_seq_cst)) size_limit.store(0, std::memory_order_seq_cst);
  }
  adopted.store(true, std::memory_order_release);
}

// Not inlined: its line takes stack that making the root does not need.
[[gnu::noinline]] void complain(const char* what) {
  Line line;
  line.text("reslab: RESLAB_OPTIONS: ").text(what);
  line.write_to(STDERR_FILENO);
}

[[gnu::noinline]] void complain_of_debug(const Root& made) {
  DebugSettings settings;
  if (made.debug != nullptr || made.options.debug[0] == '\0') return;
  if (read_debug_settings(made.options, settings)) complain("no memory for the tables of 'debug', which is ignored");
  else complain("bad value for option 'debug' is ignored");
}

[[gnu::noinline]] void complain_of_profile(const Root& made) {
  if (made.profile != nullptr || made.options.profile == 0) return;
  complain("no memory for the tables of 'profile', which is ignored");
}

// Not inlined: every call of class any that is slow asks for the root, and must not have the stack that making it takes.
[[gnu::noinline]] bool make_or_adopt(Contract contract) {
  Root* found = published_root.load(std::memory_order_acquire);
  if (found == nullptr) {
    if (!may_enter_kernel(contract)) return false;
    Root* made = build_root();
    if (made == nullptr) return false;
    RESLAB_HOOK("root_made");
    // release: the whole root; acquire on failure: the winner's.
    if (published_root.compare_exchange_strong(found, made, std::memory_order_acq_rel, std::memory_order_acquire)) {
      found = made;
      Options spoken;
      parse_options(spoken, Speak::kYes);  // the winner complains, so each complaint is made once
      complain_of_debug(*made);
      complain_of_profile(*made);
    } else {
      unmap_root(made);
    }
  }
  RESLAB_HOOK("root_adopt");
  adopt(*found);
  return true;
}

}  // namespace

bool ensure_root(Contract contract) {
  if (!adopted.load(std::memory_order_acquire) && !make_or_adopt(contract)) return false;
  Root& own = root();
  if (own.fork_page->word.load(std::memory_order_relaxed) != kForkSettled) recover_after_fork(own, contract);
  return true;
}

size_t committed_metadata_bytes() {
  const Root& own = root();
  size_t bytes =
      static_cast<size_t>(own.regions - own.metadata) + own.arena.committed_chunk_bytes() + own.blocks.writable_bytes();
  for (uint32_t slot = 0; slot < own.slots.count(); ++slot)
    bytes += own.slots.is_ready(slot) ? writable_region_bytes() : 0;
  return bytes;
}

// By one caller: afterwards the place may be anybody's.
void give_back_spare_regions(size_t limit_bytes) {
  Root& own = root();
  if (spare_is_little(own.spare_region_bytes.load(std::memory_order_relaxed), limit_bytes)) return;
  const size_t bytes = own.spare_region_bytes.exchange(0, std::memory_order_relaxed);
  if (bytes != 0) vm_release(own.regions + size_t{own.cpu.slots} * kRegionBytes, bytes);
}

bool wants_stacks() {
  const Root& own = root();
  return own.options.report_reentry || own.options.check_context || own.profile != nullptr ||
         (own.debug != nullptr && own.debug->has(kDebugUsers));
}

// Before the program's first handler can run, so that its nolock calls find memory. Nothing depends on it: whoever calls
// earlier makes the root then.
namespace {
__attribute__((constructor(101))) void make_root_early() {
  if (ensure_root(Contract::kPlain)) {
    arena().keep_ready();
    if (wants_stacks()) prepare_unwinder();
  }
  number_forking_threads();
}
}  // namespace

const Options& options() {
  const Root* found = published_root.load(std::memory_order_acquire);
  return found != nullptr ? found->options : default_options;
}

bool option_vfork_native() {
  return ensure_root(Contract::kPlain) && options().vfork == static_cast<uint32_t>(VforkOption::kNative);
}

}  // namespace reslab
