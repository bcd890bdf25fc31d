// SPDX-License-Identifier: Apache-2.0
// What is walked: every entry point of the library on its shortest way, and the slow ways behind them, each from a
// state that leads into it. A row names a hook that an undisturbed call from that state must pass, so that a walk which
// no longer takes the way it is named after fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "heap_states.h"
#include "traps.h"

namespace reentry {

// kBulk: so many objects, into `bulk`, which was empty. kBulkBack: nothing, and takes what was in there.
enum class Gives : uint8_t { kObject, kObjectThroughPointer, kNothing, kCount, kScope, kBulk, kBulkBack };

enum Trait : unsigned {
  // It may give nothing: nolock calls and calls in a nolock scope under contention, what cannot be had. Of plain calls
  // only where the rows say why.
  kMayFail = 1,
  kZeroes = 2,         // the object reads as zero
  kHoards = 4,         // its object is kept until the end, so that each call finds the heap grown
  kOwnSubject = 8,     // it takes the subject over: frees it, or gives it back moved
  kMustFail = 16,      // what it is asked for cannot be
  kStrict = 32,        // a nolock call without RESLAB_GROW: bounded in steps and stack, no system call (P3)
  kFaults = 64,        // its system calls and its compare-and-swaps also fail, one after the other
  kUnderLock = 128,    // runs in the middle of a refill of its class, while that holds the local lock
  kRare = 256,         // costly to prepare: not at each place in the quick form
  kLongOnly = 512,     // hundreds of thousands of steps
  kInScope = 1024,     // inside a nolock scope
  kInside = 2048,      // runs in the middle of a refill of another class
  kInsideGive = 4096,  // runs in the middle of a free that has counted its object and not yet set its bit
  kEachRace =
      8192,  // with kFaults: races in shared functions are lost here, too, where the quick form has seen them lost
  kTwoFail = 16384,     // with kFaults: behind each system call that fails the next one does, too
  kTakesStack = 65536,  // the frames that the unwinder gives are looked at in a callback, which is walked as well
  kGapsOnly = 32768,    // so long that the quick form steps through it once, interrupting what nothing else has
};

struct Operation {
  const char* name;
  const char* symbol;  // of the library, or one of local_calls.h
  uintptr_t a, b, c;
  Gives gives;
  size_t bytes;  // of the objects that it gives or takes, and of those of nested operations
  state::Prepare prepare;
  const char* passes;  // a hook, or nullptr
  unsigned traits;
  // What another actor does when the call passes the hook `at` for the first time: another thread, or a handler.
  const char* at = nullptr;
  void (*deed)(size_t bytes) = nullptr;

  bool is(Trait trait) const { return (traits & trait) != 0; }
};

// Stand for them among the arguments.
constexpr uintptr_t kTheSubject = ~uintptr_t{0};
constexpr uintptr_t kTheReserve = ~uintptr_t{1};
constexpr uintptr_t kTheScope = ~uintptr_t{2};
constexpr uintptr_t kTheGroup = ~uintptr_t{3};
constexpr uintptr_t kTheCache = ~uintptr_t{4};

// Where calls that give their object through a pointer put it.
uintptr_t out_pointer();

// The operations of one process of `walk`, put together from the parts in *_table.cc. A walk leaves the arena longer
// than it was, and what looks through it is stepped through all of it: so there are several, none too long.
//   calls         malloc's classes and runs
//   typed         typed caches, groups and kept runs
//   debug, guards, some classes, ring: for a process with debug modes (debug_table.cc)
// `settle` brings the quarantine into a state that is always the same, so that ledgers can be compared; nullptr: there
// is none, and classes are warmed up.
struct Table {
  std::vector<Operation> operations;
  state::Prepare settle;
  bool in_children = false;  // each row in a process of its own: what nested operations leave behind would fill a table
};
// Ends the process if there is none of that name.
const Table& table_of(const char* name);

namespace table {
Table calls();
Table typed();
Table of_debug_modes(const char* name);
}  // namespace table

// One undisturbed call. Counts how often it passes its hook in `*passes`, which is to be in shared memory where the
// call does not come back.
void call_undisturbed(const Operation& operation, size_t* passes);

// The walked call is where its deed is due; nothing happens if it has been done.
void do_deed();
bool deed_is_done();

// One call, from preparation to clean-up: prepare, then call (by whoever walks it), then finish.
class Call {
 public:
  explicit Call(const Operation& operation);

  // Runs `walk(context)` where the operation is to be called, in the middle of another call if it says so, and with its
  // deed ready.
  void around(void (*walk)(void* context), void* context);

  Entry entry() const { return entry_; }
  uintptr_t argument(uintptr_t wanted) const;
  // Checks the result, fills and frees what was given.
  void finish(uintptr_t result, bool may_fail);

 private:
  const Operation& operation_;
  Entry entry_;
  unsigned scope_ = 0;
};

}  // namespace reentry
