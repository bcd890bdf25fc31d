// SPDX-License-Identifier: Apache-2.0
// A kernel with larger pages, played on one with smaller ones: a way for ../failures/injector.h to make the library's
// memory calls. A range that begins inside such a page ends the test, as the kernel would refuse it; lengths are rounded up
// to its pages before they are passed on, so that what lies behind a range that ends inside one is hit as it would be there;
// and mappings are placed at its pages. A range may end inside a page only where the mapping does.
#pragma once

#include <cstddef>
#include <cstdint>

namespace surroundings {

inline constexpr size_t kPlayedPage = 64 << 10;

enum PlayedCall { kMmap, kMunmap, kMprotect, kMadvise, kMremap, kPlayedCalls };

// From now on, in this process and its children. How often each call came is counted there, in shared memory.
void play_large_pages(uint32_t (*counts)[kPlayedCalls]);

}  // namespace surroundings
