// SPDX-License-Identifier: Apache-2.0
// Files that options name, written without libc: at the end of the process, or from a handler.
#pragma once

namespace reslab {

// Writes by `write(fd)`, which returns 0 or an errno, to the file `pattern`, in which %p stands for the process id, with
// `suffix` behind it. If it cannot be written a line on stderr says so, and what `what` was to be in it. Allocates nothing,
// keeps errno.
void write_output_file(const char* pattern, const char* suffix, const char* what, int (*write)(int fd));

}  // namespace reslab
