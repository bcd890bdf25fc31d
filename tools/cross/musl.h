// SPDX-License-Identifier: Apache-2.0
// What the headers of libstdc++ expect, which were made for glibc: <atomic> includes much that it does not need here.
// Nothing of the library itself is used.
#ifndef RESLAB_TOOLS_CROSS_MUSL_H
#define RESLAB_TOOLS_CROSS_MUSL_H

#include <locale.h>
#include <pthread.h>

#define __GLIBC_PREREQ(major, minor) 0
#define __locale_t locale_t

extern "C" int pthread_cond_clockwait(pthread_cond_t*, pthread_mutex_t*, clockid_t, const struct timespec*);

#endif
