// SPDX-License-Identifier: Apache-2.0
// A fault for a fuzzer to find: a reader believes a stride of the image. runs_test.py has heap_image_fuzz.cc call this in place
// of look_at_units.

#include <stdexcept>

#include "survey.h"

namespace reslab::outside {

std::vector<UnitUse> believing_look_at_units(const View& view) {
  if (view.image().slab_classes_stride > 1 << 20) throw std::length_error("a number nobody has looked at");
  return look_at_units(view);
}

}  // namespace reslab::outside
