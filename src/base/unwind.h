// SPDX-License-Identifier: Apache-2.0
// Stack traces where one may be: by the unwinder of the C++ runtime, which finds its tables without a lock
// (_dl_find_object, glibc 2.35) (24). Not part of the core's needs: it is used if the program has one, or if the preload
// library was told by an option to load it at start. Walking a stack takes 2 to 4 KiB of it. What uses this stands
// outside the promises of class any, and says so.
//
// What the unwinder does once it does by pthread_once: a handler that interrupted it there and walked as well would wait
// for the thread below, which is itself. So the first walk belongs to the start.
#pragma once

#include <cstddef>
#include <cstdint>

namespace reslab {

struct Stack {
  static constexpr size_t kMost = 32;
  uintptr_t pc[kMost];
  size_t depth;  // 0: no unwinder
};

// The frames above this one, innermost first.
void take_stack(Stack& stack);

// Forgets the innermost frames that are reslab's own, if it is a library of its own.
void drop_own_frames(Stack& stack);

// Is there a signal frame among them? False without an unwinder.
bool is_below_signal_frame();

// Makes the unwinder do what it does once, if there is one. For the start of the process; plain.
void prepare_unwinder();

// Loads an unwinder where there is none, and prepares it. Likewise.
using LoadLibrary = void* (*)(const char* name);
using FindSymbol = void* (*)(void* library, const char* name);
void load_unwinder(LoadLibrary load, FindSymbol find);

class Line;

// "module+0xOFFSET", or the address alone where it belongs to no module. Takes no lock.
void describe_code(Line& line, uintptr_t pc);

}  // namespace reslab
