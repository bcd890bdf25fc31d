// SPDX-License-Identifier: Apache-2.0
// The image of a heap is the target's own word for where everything is and how wide, and a stray write may have damaged it.
// Readers trust its widths and counts: what they copy lies in what they have read, each of their loops has a bound, and
// nothing is divided by zero. Addresses need no such care, since memory that is not there cannot be read.
#pragma once

#include <string>

#include "heap/image.h"

namespace reslab::outside {

// Throws a Failure that names the word which no heap's image has.
void require_sound(const Image& image, const std::string& title);

}  // namespace reslab::outside
