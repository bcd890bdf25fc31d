// SPDX-License-Identifier: Apache-2.0
// What the catching programs share. Each is a small, deterministic test of one promise: `NAME rseq|fallback`. It passes
// on the library as it is and fails on at least one of the mutants. All link the core alone, so that the heap under
// test holds only what the program put there; they look at its internals where the interface cannot show a thing.
//
// A failed check prints one line and ends the process at once: what a broken allocator does afterwards proves nothing.
#pragma once

#include <reslab/reslab.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>

#include "failure.h"
#include "opaque.h"

namespace catcher {

// The beginning of each program: starts it again with RESLAB_OPTIONS for the mode that argv[1] names and further
// options, since the heap reads them before main; then sees that they count. The process is killed after 20 seconds.
void start(int argc, char** argv, const char* options = "");

bool with_rseq();

// A scene is the hook, say, that a loop has come to.
using support::expect;
using support::opaque;
using support::set_scene;

// Fails unless reslab_check finds nothing.
void expect_sound_heap();

// Objects handed out, by class id: what a ledger is compared with (P6).
std::map<uint32_t, uint64_t> live_objects();

// Gives caches back to the slabs, and fails unless exactly what was live in `before` is live now and the heap is sound.
void expect_same_live(const std::map<uint32_t, uint64_t>& before);

reslab_stats stats();
reslab_class_stats class_stats(size_t object_bytes);

// Fails unless the child process ends with 0.
void wait_for_child(pid_t child);

// Fails unless `misuse()`, in a child process, ends in a report on stderr that contains `words`, and in SIGABRT.
void expect_report(void (*misuse)(), const char* words);

}  // namespace catcher
