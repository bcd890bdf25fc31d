// SPDX-License-Identifier: Apache-2.0
#include "platform/cpu.h"

#include <sys/auxv.h>

#include "platform/known_defects.h"
#include "platform/region.h"
#include "platform/rseq.h"
#include "platform/small_file.h"
#include "platform/syscall.h"
#include "platform/topology.h"

#if defined(__GLIBC__) && __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#define RESLAB_LIBC_RSEQ 1
#else
#define RESLAB_LIBC_RSEQ 0  // musl: its detached threads unmap the area before they are gone (44)
#endif

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif

namespace reslab {
namespace {

constexpr ptrdiff_t kCpuIdField = 4;
constexpr ptrdiff_t kMmCidField = 24;
constexpr size_t kNodeIdFeature = 24;              // feature size that includes node_id (Linux 6.3)
constexpr size_t kMmCidFeature = kMmCidField + 4;  // feature size that includes mm_cid (Linux 6.3)

constexpr char kPossible[] = "/sys/devices/system/cpu/possible";

// As many as there can be, if the kernel does not say.
uint32_t ids_of_kernel() {
  uint64_t mask[kMaxSlots / 64];
  const long bytes = sys_call(SYS_sched_getaffinity, 0, sizeof mask, reinterpret_cast<long>(mask));
  return bytes > 0 ? static_cast<uint32_t>(bytes) * 8 : kMaxSlots;
}

#if RESLAB_LIBC_RSEQ && (defined(__x86_64__) || defined(__aarch64__))
// Concurrency ids are dense, which keeps the magazines few; but one wanders between nodes, and its magazines would mix
// their memory (42).
bool number_by_mm_cid(SlotsOption wanted, uint32_t nodes) {
  if (wanted == SlotsOption::kCpuId || getauxval(AT_RSEQ_FEATURE_SIZE) < kMmCidFeature) return false;
  return wanted == SlotsOption::kMmCid || nodes == 1;
}
#endif

// Its slots are numbered by reslab itself, and are threads', which wander: no nodes but invented ones.
CpuSetup without_sections(const char* reason, const InventedMachine& invented) {
  const uint32_t slots = invented.cpus != 0 ? invented.cpus : count_ids(kPossible).slots;
  return {Mode::kFallback, SlotSource::kThread, reason, 0, 0, slots, slots, invented.nodes != 0 ? invented.nodes : 1};
}

}  // namespace

// Ids can have holes, and more CPUs may come online: what counts is the highest possible id.
uint32_t ids_in_file(const char* path) {
  constexpr size_t kMostNumbers = 16;
  size_t range[kMostNumbers];
  const size_t count = read_numbers(path, range, kMostNumbers);
  if (count == 0 || count == kMostNumbers || range[count - 1] >= kMaxSlots) return 0;
  return static_cast<uint32_t>(range[count - 1]) + 1;
}

Ids count_ids(const char* possible_file) {
  const uint32_t listed = ids_in_file(possible_file);
  const uint32_t known = ids_of_kernel();
  const uint32_t named = listed != 0 ? listed : known;
  return {named < known ? named : known, named < known ? known : named};
}

CpuSetup detect_cpu(ModeOption wanted, [[maybe_unused]] SlotsOption slots, const InventedMachine& invented) {
  const auto fallback = [&](const char* reason) { return without_sections(reason, invented); };
  if (wanted == ModeOption::kFallback) return fallback("option mode=fallback");
#if !defined(__x86_64__) && !defined(__aarch64__)
  return fallback("no sections for this architecture");
#elif defined(__aarch64__)
  if (wanted != ModeOption::kRseq) return fallback("aborts of sections are untested on aarch64; mode=rseq takes them");
#endif
#if !RESLAB_LIBC_RSEQ
  return fallback("this libc does not register rseq");
#else
  if (__rseq_size == 0) return fallback("libc has not registered rseq (kernel, GLIBC_TUNABLES, valgrind or a sandbox)");
  const char* self = static_cast<const char*>(__builtin_thread_pointer());
  if (*reinterpret_cast<const int32_t*>(self + __rseq_offset + kCpuIdField) < 0) {
    return fallback("this thread's rseq is not registered");
  }
  if (const char* defect = known_rseq_defect()) return fallback(defect);
  // Without node_id in the area nobody says which node a CPU is on.
  const bool says_node = getauxval(AT_RSEQ_FEATURE_SIZE) >= kNodeIdFeature;
  const uint32_t nodes = invented.nodes != 0 ? invented.nodes : says_node ? online_nodes() : 1;
  const bool by_cid = number_by_mm_cid(slots, nodes);
  const Ids ids = count_ids(kPossible);
  const ptrdiff_t field = __rseq_offset + (by_cid ? kMmCidField : kCpuIdField);
  if (*reinterpret_cast<const uint32_t*>(self + field) >= ids.slots) {
    return fallback("the kernel's ids are out of range");
  }
  return {Mode::kRseq,
          by_cid ? SlotSource::kMmCid : SlotSource::kCpuId,
          by_cid ? "rseq registered by libc, slots by mm_cid" : "rseq registered by libc, slots by cpu_id",
          __rseq_offset,
          field,
          ids.slots,
          ids.regions,
          by_cid ? 1 : nodes};
#endif
}

namespace {
constexpr long kRegisterFence = 1 << 8;  // MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ
constexpr long kFence = 1 << 7;          // MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ
}  // namespace

bool register_rseq_fence() { return sys_call(SYS_membarrier, kRegisterFence, 0, 0) == 0; }

bool rseq_fence() { return sys_call(SYS_membarrier, kFence, 0, 0) == 0; }

}  // namespace reslab
