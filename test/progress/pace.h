// SPDX-License-Identifier: Apache-2.0
// The pace of the others, measured without and beside a stopped thread.
//
//   before      measure_pace, the heap as it was
//   meanwhile   work_beside: they do 10,000 operations of every kind. That they come to an end is the first thing to
//               show, and is never tried again; a measurement is, as long as it is worse than `least_pace` of that before,
//               because whatever else runs on the machine makes it worse, never better.
//   after       expect_their_pace: what was slower than that is compared once more, with the pace in the heap as the
//               operation's preparation has made it (a class that has become sparse is slow for everybody)
#pragma once

#include "others.h"

namespace progress {

void measure_pace(Others& others);
void work_beside(Others& others, double least_pace);
void expect_their_pace(Others& others);

}  // namespace progress
