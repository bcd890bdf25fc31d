// SPDX-License-Identifier: Apache-2.0
// What the files of slabs share, and nobody else needs.
#pragma once

#include "slab/slab.h"

namespace reslab {

// Keeps the hints: before `n` bits come (n > 0), after they went (n < 0). In this order, whoever holds all bits of a slab
// knows that nobody is still about to count: a late count would hit the unit's next slab.
void slab_note_free(Slab& slab, SlabClass& cls, const ClassInfo& info, int32_t n);

// Bits that were never counted as taken go back: no hint changes, but the slab may have lost its list place meanwhile.
void slab_put_back(uint32_t unit, std::atomic<uint64_t>& word, uint64_t bits);

// What the class of a slab is, for those who may come late: a class made at run time can have gone with its last slab, and
// its id be another kind's, which changes what class_info() refers to under their hands. False: the slab is another by now.
bool slab_copy_info(uint32_t unit, SlabIdentity seen, ClassInfo& info);

// Gives back empty slabs of classes that have several. Takes turns among them, so that none is searched in vain again and
// again. How many it gave back.
uint32_t slab_reclaim_empty();
// All of them, the last one of each class included; for plain calls.
void slab_reclaim_all_empty();

}  // namespace reslab
