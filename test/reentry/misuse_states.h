// SPDX-License-Identifier: Apache-2.0
// The subject is something that the program must not free, or not once more.
#pragma once

#include <cstddef>

namespace reentry::misuse {

void foreign(size_t);   // not of the heap
void interior(size_t);  // inside an object
void inside_run(size_t);
void small_object(size_t);  // too small for what the call says of it
void freed_run(size_t);
void of_malloc(size_t);  // not of the_cache

// Freed already, and where it is now:
void on_top(size_t);                       // of the magazine
void twice_in_magazine(size_t);            // which is full; the subject is another object, whose free flushes
void in_slab_and_magazine(size_t);         // likewise
void in_slab_of_full_class(size_t);        // magazine and deferred list have no room
void in_empty_slab_of_full_class(size_t);  // and nothing else of its slab is in use
void in_slab_and_deferred(size_t);
void in_no_slab_and_deferred(size_t);  // its slab was given back since
void written_in_deferred(size_t);      // and was written to since

}  // namespace reentry::misuse
