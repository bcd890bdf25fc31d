/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

int main(void) { return check(MALLOC_IS_RESLAB); }
