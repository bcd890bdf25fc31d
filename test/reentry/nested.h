// SPDX-License-Identifier: Apache-2.0
// The operations that run in a handler, in the middle of another one (P2). Each is complete in itself: it checks what
// it gets and leaves errno as it was, or holds its object until the walked operation is over. Sizes are those of the
// walked operation's own class, where the two can meet, and others.
#pragma once

#include <cstddef>
#include <cstdint>

namespace reentry {

struct Nested {
  const char* name;
  void (*run)(size_t bytes);
};

extern const Nested kNested[];
size_t nested_count();

// Runs kNested[index], with the checks around it; sets the scene.
void run_nested(size_t index, size_t bytes);

// Plain calls may fail as well: in a nolock scope, where they leave errno as it is.
void let_nested_fail(bool may);

// A pair of malloc and free of a class that nothing else uses.
constexpr size_t kAside = 224;
void run_nested_aside();

// Is one of them running now?
bool is_in_nested();

// The walked operation is over: frees what nested operations hold.
void release_nested();

}  // namespace reentry
