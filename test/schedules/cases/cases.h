// SPDX-License-Identifier: Apache-2.0
// The cases by layer.
#pragma once

#include <span>

#include "case.h"

namespace schedules {

std::span<const Case> arena_cases();
std::span<const Case> slab_cases();
std::span<const Case> cache_cases();
std::span<const Case> magazine_cases();
std::span<const Case> root_cases();

}  // namespace schedules
