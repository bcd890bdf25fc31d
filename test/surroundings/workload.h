/* SPDX-License-Identifier: Apache-2.0 */
/* Random calls of the malloc family, each object filled with a stamp that is looked for before it changes or goes. In C,
 * without a framework, a thread or a file: for programs that run where little else does. */
#ifndef RESLAB_TEST_SURROUNDINGS_WORKLOAD_H
#define RESLAB_TEST_SURROUNDINGS_WORKLOAD_H

#include <stddef.h>

struct outcome {
  size_t served;  /* calls that gave memory */
  size_t refused; /* calls that gave NULL and ENOMEM */
  size_t wrong;   /* whatever else: a lost stamp, memory that is not zero or not aligned, another errno */
};

/* One call in 64 asks for up to `largest` bytes, the others for up to 32 KiB. Leaves nothing allocated. Any number of
 * threads may do it at a time. */
struct outcome do_random_work(unsigned seed, int calls, size_t largest);

#endif
