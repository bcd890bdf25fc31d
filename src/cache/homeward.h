// SPDX-License-Identifier: Apache-2.0
// Objects that leave a magazine go home: each to the depot of the node whose memory it is in, in blocks, so that the CPUs
// there get it next. On a machine of one node that is the depot, and nothing is looked up.
#pragma once

#include <cstdint>

#include "slab/size_classes.h"

namespace reslab {

// Of its first object.
uint32_t node_of_block(uint32_t block);

// Takes over a block in hand. Class plain.
void deposit_at_home(ClassId cls, uint32_t block);

}  // namespace reslab
