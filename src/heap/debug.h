// SPDX-License-Identifier: Apache-2.0
// The debug modes of RESLAB_OPTIONS=debug=FZPUG: what heap/heap.h does while one is on. The fast path is off then, so that
// every call comes here (30); each keeps its contract, and nothing waits.
//
//   F  every free is compared with a record: double frees and wrong sizes are found at once, however long after
//   Z  at least 16 bytes behind each object are filled, and compared when it is freed
//   P  free objects are filled, and compared when they are used again or leave the quarantine; up to 256 KiB, and not those
//      that have a constructor or that somebody may still read
//   U  who allocated and who freed an object: thread, time and stack, printed with each report
//   G  one allocation in `guard` lies at the end of a page before one that cannot be touched (heap/debug_guard.h)
//
// With quarantine=BYTES freed objects are kept from use until so many bytes came after them. Objects of classes that are
// not named, and objects that somebody may still read (RCU), are never written (13).
#pragma once

#include <cstddef>

#include "base/contract.h"
#include "base/report.h"
#include "heap/debug_tables.h"
#include "heap/heap.h"

namespace reslab {

// As the functions of heap/heap.h, which call these while debug_is_on(); callers have passed ensure_root().
void* debug_allocate(const Request& request, const char* call);
void* debug_allocate_of(ClassId cls, Contract contract, const char* call);
// Objects of groups are not tracked.
bool debug_tracks(const void* object);
bool debug_has_record(const ObjectPlace& place);
void debug_free(void* object, Contract contract, const char* call);
void* debug_reallocate(void* object, size_t bytes, Contract contract, const char* call);
size_t debug_usable_bytes(const void* object, const char* call);
void debug_check_size(const void* object, size_t bytes, const char* call);
// What was asked for, of an object that is on record: also of one that was freed, whose second free is reported as such.
// False: none is.
bool debug_asked_bytes(const ObjectPlace& place, size_t& asked);
// May who asked for `asked` say `bytes`? What good_size() promises may be given back as the size as well.
bool is_size_of(size_t bytes, size_t asked);

// The object waits for a grace period: it is checked now, and filled when it is given back.
void debug_retire(const void* object, const ObjectPlace& place, const char* call);
// Its grace period is over: from here on it is an object that was freed. Plain.
void debug_give_back(void* object, const char* call);

// --- reports (heap/debug_report.cc) ------------------------------------------------------------------------------------

// Who allocated and freed what lies at `address`, as far as it is known, to stderr.
void print_history(const void* address);

[[noreturn]] void report_debug(Report report, std::initializer_list<uint64_t> values, const char* call,
                               const void* object);

}  // namespace reslab
