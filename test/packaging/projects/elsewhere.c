/* SPDX-License-Identifier: Apache-2.0 */
/* What elsewhere_main.c calls, behind the library in the order of linking: malloc is libc's to name, for strdup. */
#include <string.h>

void* elsewhere(void);
void* elsewhere(void) { return strdup("elsewhere"); }
