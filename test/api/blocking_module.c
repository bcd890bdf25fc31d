/* SPDX-License-Identifier: Apache-2.0 */
/* A library whose constructor does what the program that loads it wants (unwinding.cc): the loader keeps its lock
 * meanwhile. */
void (*blocking_module_deed(void))(void);

__attribute__((constructor)) static void start(void) { blocking_module_deed()(); }
