// SPDX-License-Identifier: Apache-2.0
#include "micro/nothing.h"

void* nothing_allocate(size_t) { return nullptr; }
void nothing_free(void*) {}
