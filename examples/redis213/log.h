// SPDX-License-Identifier: Apache-2.0
/* The server's log: one line with the local time, as servers write it. */
#ifndef REDIS213_LOG_H
#define REDIS213_LOG_H

/* Appends a line to the file `log_path`, or to standard output when that is NULL. */
extern const char* log_path;
void log_line(const char* message);

#endif
