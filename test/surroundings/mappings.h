/* SPDX-License-Identifier: Apache-2.0 */
/* All mappings that this process may have (vm.max_map_count), so that mmap fails, and so does every mprotect and munmap that
 * would divide a mapping. */
#ifndef RESLAB_TEST_SURROUNDINGS_MAPPINGS_H
#define RESLAB_TEST_SURROUNDINGS_MAPPINGS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* False where that would take the kernel a lot of memory; it has been said then. */
int mappings_can_be_used_up(void);

/* One taker at a time. What does not go as it should is an EXPECT that does not hold: how many are the result. */
int take_all_mappings(void);
int give_mappings_back(void);

/* How many there are now. */
size_t count_mappings(void);

#ifdef __cplusplus
}
#endif

#endif
