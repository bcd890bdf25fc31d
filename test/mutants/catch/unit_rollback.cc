// SPDX-License-Identifier: Apache-2.0
// A claim of several units that finds one taken gives back all that it had: the whole words before, and the part of the
// word where it failed (37).
#include "arena/unit_bitmap.h"
#include "catcher.h"

using namespace catcher;
using namespace reslab;

namespace {

constexpr uint32_t kFirst = 60, kCount = 80,
                   kTaken = 135;  // over three words; the taken one in the middle of the third

std::atomic<uint64_t> words[4];
std::atomic<uint64_t> summary[1];

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  UnitBitmap bitmap;
  bitmap.init(words, summary, 0);
  bitmap.release(kFirst, kCount);
  expect(bitmap.claim_exactly(kTaken, 1), "a free unit cannot be claimed");
  expect(!bitmap.claim_exactly(kFirst, kCount), "units were claimed of which one is taken");
  for (uint32_t unit = kFirst; unit < kFirst + kCount; ++unit) {
    expect(bitmap.is_free(unit) == (unit != kTaken), "unit %u has changed by a claim that failed", unit);
  }
  expect(bitmap.free_units() == kCount - 1, "%d units are counted as free, not %u",
         static_cast<int>(bitmap.free_units()), kCount - 1);
}
