// SPDX-License-Identifier: Apache-2.0
// The first call of the process, stopped for ever at any instruction of the making of the root: others make theirs, work,
// and keep their pace; and a child that is forked meanwhile does the same (19).
//
// A constructor of the library makes the root when it is loaded, before anything here could look. But what is in
// .preinit_array of a program runs before the constructors of its libraries: this whole test does. The library is the
// form without the malloc names, so that the threads and strings of the test live on libc's heap.
#include <stdlib.h>

#include "before_library.h"
#include "failure.h"
#include "heir.h"
#include "pace.h"
#include "walk.h"

namespace {

using namespace progress;
using namespace support;

const Settings* given;

// Measured: 2,043 to 2,599 gone through, 28 to 33 stopped at.
constexpr Floor kFloor = {
    .gone_through = 1'800, .stopped_at = 25, .stops_in_sections = 1, .stopped_at_in_long_form = 25};

void work_beside_it(const Operation& operation) { work_beside(crew(), operation.least_pace); }

void expect_mode_and_pace(Others& others) {
  require(*given);
  expect_their_pace(others);
}

// By a thread that has called the library before: a child of one that has not is repaired less thoroughly (heap/fork.h).
void leave(const Operation&) {
  reslab_free(reslab_malloc(300'000));
  leave_to_heirs({.ledger = &at_rest(), .in_hand = 0, .in_hand_now = 0, .units_added = 0, .lost_before = 0});
}

void expect_mode(Others&) { require(*given); }

void test(int argc, char** argv) {
  const Settings settings = read_settings(argc, argv, "the first call of the process delays nobody, wherever it stops");
  given = &settings;
  reslab_status status = {};
  reslab_get_status(&status, sizeof status);
  expect(status.mode == RESLAB_MODE_NONE, "the library has made its root already");

  const Deed stopped = {nullptr, work_beside_it, expect_mode_and_pace};
  const Deed killed = {nullptr, leave, expect_mode};
  for (const Deed& deed : {stopped, killed}) {
    Walk walk(settings, deed, kFloor, 0.5);
    walk.go({&kFirstCall, 1});
  }
  settings.log.line("ok, seed %llu", static_cast<unsigned long long>(settings.seed));
  exit(0);
}

}  // namespace

BEFORE_LIBRARY(test);

int main() { return 1; }  // not reached
