/* SPDX-License-Identifier: Apache-2.0 */
void* elsewhere(void);
int main(void) { return elsewhere() == 0; }
