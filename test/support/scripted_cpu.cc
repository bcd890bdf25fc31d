// SPDX-License-Identifier: Apache-2.0
#include "scripted_cpu.h"

#include <sys/auxv.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "failure.h"

namespace support {
namespace {

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif

// The fields by their offsets in the kernel's ABI: libc's header may be older than the last of them.
constexpr ptrdiff_t kCpuIdStart = 0, kCpuId = 4, kNodeId = 20, kMmCid = 24;

volatile uint32_t& field(ptrdiff_t offset) {
  char* area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  return *reinterpret_cast<volatile uint32_t*>(area + offset);
}

// The length must be the one that libc has registered: 32 bytes at first, later what the kernel asks for, in 32s.
bool unregister() {
  char* area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  const unsigned long wanted = (getauxval(AT_RSEQ_FEATURE_SIZE) + 31) / 32 * 32;
  return syscall(SYS_rseq, area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG) == 0 ||
         syscall(SYS_rseq, area, wanted, RSEQ_FLAG_UNREGISTER, RSEQ_SIG) == 0;
}

}  // namespace

void take_over_rseq() {
  expect(__rseq_size != 0 && unregister(), "this thread's rseq cannot be taken over: %s", strerrordesc_np(errno));
  be_on_slot(0);
}

void be_on_slot(uint32_t slot) {
  field(kCpuIdStart) = slot;
  field(kCpuId) = slot;
  field(kNodeId) = 0;
  field(kMmCid) = slot;
}

void be_unregistered() { field(kCpuId) = static_cast<uint32_t>(RSEQ_CPU_ID_UNINITIALIZED); }

}  // namespace support
