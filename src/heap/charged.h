// SPDX-License-Identifier: Apache-2.0
// Objects that have an account: charged to a group (33), or sampled by the heap profile (heap/account.h). They live in
// classes of their own, twins of malloc's or a cache's, whose units the unit map calls kChargedClass: its magazines are
// closed for ever, so every free of such an object takes the slow path and finds its account, while frees of all others
// know nothing of accounts.
//
//   small   the account is in the slab's tag for the object (slab/slab.h), set last and taken first
//   run     the account is in the descriptor
//
// Charged is what the object occupies: reslab_usable_size. A call that a jump or a kill ends between charging and
// tagging leaves the charge behind: that of one object.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/contract.h"
#include "slab/slab.h"

namespace reslab {

struct Request;

// heap_allocate and heap_allocate_of for a request that names an account, behind the root. nullptr: no memory, or no
// budget.
void* charged_allocate(const Request& request, ClassId cls);
void* charged_allocate_of(ClassId cls, uint32_t account, Contract contract);

// Before the object is freed: its account is given its bytes back. False: it is free already.
bool charged_release(const ObjectPlace& place);
// The same for objects `bits` of word `word` of a slab, which were out.
void charged_release_bits(uint32_t unit, ClassId cls, uint32_t word, uint64_t bits);

// The account of an object, or 0.
uint32_t charged_account(const ObjectPlace& place);

}  // namespace reslab
