// SPDX-License-Identifier: Apache-2.0
// The objects of a case, and who holds them. An object is filled with a pattern as long as somebody holds it, and
// must not overlap any other that is held: one given out twice is seen at once.
#pragma once

#include <cstddef>

namespace schedules {

// Objects lie in hands: that of each thread, and one on the table, which is the set-up's and everybody's.
inline constexpr int kTable = 3;

// Takes `object` of `bytes` bytes into a hand. nullptr, an overlap: a violation.
void hold(void* object, size_t bytes, int hand);
void hold(void* object, size_t bytes);  // in the calling thread's, in a set-up on the table

// The object that was put there last, with its pattern intact. nullptr: the hand is empty.
void* let_go(int hand);
void* let_go();

size_t held(int hand);

// Frees all there is, in every hand.
void release_everything();

// What cases do most: an object of `bytes` bytes by the plain call, which must not fail.
void take(size_t bytes);
void take_many(size_t bytes, size_t count);
// Frees the last object of a hand, if there is one.
void give(int hand);
void give();
void give_nolock(int hand);

}  // namespace schedules
