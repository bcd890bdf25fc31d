/* SPDX-License-Identifier: Apache-2.0 */
/* What elsewhere_main.c calls: the first in the order of linking that names malloc, behind the library that has it. */
#include <stdlib.h>

void* elsewhere(void);
void* elsewhere(void) { return malloc(100); }
