// SPDX-License-Identifier: Apache-2.0
// Pages of the system: what the kernel maps, protects and takes back at once. 4 KiB; on some processors 16 or 64. Whatever
// it is asked for begins at a multiple of its page, or is refused, and every length is rounded up to one.
#pragma once

#include <atomic>
#include <cstddef>

namespace reslab {

inline constexpr size_t kLeastPageBytes = 4 << 10;

// What must begin a page of its own does so at a multiple of this wherever it is not memory but address space that this
// costs. Kernels with larger pages are refused: there is no root then, and no memory.
inline constexpr size_t kMostPageBytes = 64 << 10;

// What the kernel counts in.
size_t kernel_page_bytes();

// What the library goes by: the kernel's, or larger where option `pages` invents such a kernel. 0 before there is a root.
extern constinit std::atomic<size_t> published_page_bytes __attribute__((visibility("hidden")));
inline size_t system_page_bytes() { return published_page_bytes.load(std::memory_order_relaxed); }

// Likewise, for calls that may come before there is a root.
size_t page_bytes_at_any_time();

}  // namespace reslab
