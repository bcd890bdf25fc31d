// Code that runs before any constructor, the library's own included: there the next call into the library is the first
// of the process, and a child forked there makes it again. Threads, stdio and the heap of libc work by then.
#pragma once

#include <unistd.h>

// Runs `function(argc, argv)` at that time, in a program, once in it.
#define BEFORE_LIBRARY(function)                                                                           \
  static void before_library_entry(int argc, char** argv, char** environment) {                            \
    environ = environment; /* libc's own constructor has not run either: it sets this one */               \
    function(argc, argv);                                                                                  \
  }                                                                                                        \
  [[gnu::section(".preinit_array"), gnu::used]] static void (*const before_library)(int, char**, char**) = \
      before_library_entry
