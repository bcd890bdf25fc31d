/* SPDX-License-Identifier: Apache-2.0 */
// A program's output with one byte that is not the program's: the demonstration has to see it.
#define _GNU_SOURCE
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t write(int file, const void* bytes, size_t count) {
  static bool is_done;
  if (file != STDOUT_FILENO || is_done || count == 0) return syscall(SYS_write, file, bytes, count);
  is_done = true;
  return syscall(SYS_write, file, "?", 1);
}
