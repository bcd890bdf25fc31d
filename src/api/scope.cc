// SPDX-License-Identifier: Apache-2.0
// reslab_nolock_save and _restore: plain calls of this thread keep the `any` contract in between. The one place where a
// contract is remembered; it is read once at the entry of each plain call (api/entry.h) and is an argument from there on.

#include <unistd.h>

#include "base/options.h"
#include "base/text.h"
#include "base/thread_line.h"
#include "heap/context.h"
#include "reslab/reslab.h"

using namespace reslab;

namespace {

// The token: {frame of the save >> 4, its low 16 bits; depth before it: 16}.
constexpr unsigned kDepthBits = 16;
constexpr unsigned kDepthMask = (1u << kDepthBits) - 1;

void report_order(unsigned depth, unsigned saved_depth) {
  if (!options().check_context) return;
  Line line;
  line.text("reslab: reslab_nolock_restore: scope ")
      .dec(saved_depth + 1)
      .text(" is closed, but ")
      .dec(depth)
      .text(" are open");
  line.write_to(STDERR_FILENO);
}

}  // namespace

extern "C" {

unsigned reslab_nolock_save(void) noexcept {
  const unsigned depth = thread_line.nolock_depth.load(std::memory_order_relaxed);
  const uintptr_t frame = RESLAB_FRAME;
  if (depth == 0) thread_line.nolock_frame.store(frame, std::memory_order_relaxed);
  thread_line.nolock_depth.store(depth + 1, std::memory_order_relaxed);
  return static_cast<unsigned>(frame >> 4) << kDepthBits | (depth & kDepthMask);
}

void reslab_nolock_restore(unsigned saved) noexcept {
  const unsigned depth = thread_line.nolock_depth.load(std::memory_order_relaxed);
  const unsigned saved_depth = saved & kDepthMask;
  if (depth != saved_depth + 1) report_order(depth, saved_depth);
  thread_line.nolock_depth.store(saved_depth, std::memory_order_relaxed);
  if (saved_depth == 0) thread_line.nolock_frame.store(0, std::memory_order_relaxed);
}

}  // extern "C"
