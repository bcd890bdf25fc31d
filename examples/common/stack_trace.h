// SPDX-License-Identifier: Apache-2.0
// The call stack of the code that a signal interrupted, walked in the handler.
//
// Why not libunwind or backtrace(): libunwind (1.6) asks dl_iterate_phdr for unwind tables, which takes the loader's
// lock, and takes mutexes of its own at every step; a handler on one thread would wait for whatever another thread does
// in dlopen. Preloaded, it would also replace the unwinder that the program throws its exceptions with. The compiler's
// own unwinder, libgcc's, finds its tables by _dl_find_object (glibc 2.35), which takes nothing and follows dlopen and
// dlclose. It allocates nothing either.
//
// What it does not do: code without unwind tables ends the walk, and it believes the tables, which is to say the
// compilers. A program that registers tables at run time (__register_frame, as LLVM's JIT does) makes it take a mutex:
// there this is not for handlers.
#pragma once

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

namespace examples {

// To be called once outside of handlers: the unwinder sets itself up in its first walk.
void prepare_stack_walks();

// Stores the addresses of the interrupted instruction and of its callers, innermost first, at most `most`; returns how
// many. To be called in the handler that was given `interrupted`. Addresses of callers are return addresses.
size_t walk_interrupted_stack(ucontext_t* interrupted, uintptr_t* frames, size_t most);

}  // namespace examples
