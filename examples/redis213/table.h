// SPDX-License-Identifier: Apache-2.0
/* The server's data: strings by name, each in memory of its own. One thread uses it. */
#ifndef REDIS213_TABLE_H
#define REDIS213_TABLE_H

/* Copies both; returns the value that the name had before, which is the caller's to free, or NULL. */
char* table_set(const char* name, const char* value);

/* NULL when there is none. */
const char* table_get(const char* name);

#endif
