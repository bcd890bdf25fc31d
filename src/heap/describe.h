// SPDX-License-Identifier: Apache-2.0
// What an address is, in words, for reports. Reads the unit map, descriptors and bitmaps; safe in any context.
#pragma once

#include <cstddef>

#include "base/report.h"

namespace reslab {

void describe_address(Line& line, const void* address);

[[noreturn]] void report_invalid(const char* call, const void* address);
// `found`: the words, where there are others than those of a double free that is seen at once.
[[noreturn]] void report_double_free(const char* call, const void* object, Report found = Report::kDoubleFree);
[[noreturn]] void report_other_class(const char* call, const void* object);
[[noreturn]] void report_wrong_size(const char* call, const void* object, size_t bytes);

}  // namespace reslab
