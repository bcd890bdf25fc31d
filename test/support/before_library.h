// SPDX-License-Identifier: Apache-2.0
// Code that runs before any constructor, the library's own included: there the next call into the library is the first
// of the process, and a child forked there makes it again. Threads, stdio and the heap of libc work by then.
#pragma once

#include <errno.h>
#include <string.h>
#include <unistd.h>

// Runs `function(argc, argv)` at that time, in a program, once in it.
#define BEFORE_LIBRARY(function)                                                                           \
  static void before_library_entry(int argc, char** argv, char** environment) {                            \
    /* libc's own constructor has not run either: it sets these three */                                   \
    environ = environment;                                                                                 \
    program_invocation_name = argv[0];                                                                     \
    program_invocation_short_name = basename(argv[0]);                                                     \
    function(argc, argv);                                                                                  \
  }                                                                                                        \
  [[gnu::section(".preinit_array"), gnu::used]] static void (*const before_library)(int, char**, char**) = \
      before_library_entry
