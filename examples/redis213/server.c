/* SPDX-License-Identifier: Apache-2.0 */
/* Redis issue 213 as a small server: a handler for SIGTERM that writes a log line, and thereby ends in free() while the
 * signal has interrupted malloc or free. In 2011 the thread then waited for ever for a lock that it held itself:
 *
 *   free <- tzset_internal <- localtime <- redisLog <- sigtermHandler <- (signal) <- malloc <- ...
 *
 *   redis213 SOCKET [LOG]
 *
 * What one learns here: nothing in this program is made for reslab, and nothing in it was changed. It works because the
 * malloc under it may be called from a handler that interrupted it:
 *
 *   reslab run redis213 /tmp/socket
 *
 * One thing malloc cannot mend: localtime and stdio have locks of their own. While clients are served the program calls
 * neither, except in its handler; else it would stand still in libc.
 *
 * Clients send lines: "SET name value", answered "+OK", and "GET name", answered by the value or "-". Values that are
 * replaced are freed by a second thread, as Redis does. SIGUSR1 logs a line; SIGTERM does too, and ends the server.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "table.h"

#define CLIENTS 16

struct client {
  int fd; /* -1: none */
  size_t length;
  char line[4096]; /* what has come of the lines that are not complete */
};
static struct client clients[CLIENTS];
static volatile sig_atomic_t shutdown_asap = 0;
static int to_free[2]; /* a pipe of pointers, to the thread that frees */

static void signal_handler(int signal_number) {
  if (signal_number == SIGTERM) {
    log_line("Received SIGTERM, scheduling shutdown...");
    shutdown_asap = 1;
  } else {
    log_line("Received SIGUSR1");
  }
}

static void* free_lazily(void* unused) {
  (void)unused;
  void* value;
  while (read(to_free[0], &value, sizeof value) == sizeof value) free(value);
  return NULL;
}

static void answer(int fd, const char* text) {
  const size_t length = strlen(text);
  char* const line = malloc(length + 2); /* a copy with the end of the line, as reply buffers are made */
  if (line == NULL) abort();
  memcpy(line, text, length);
  line[length] = '\n';
  for (size_t done = 0; done < length + 1;) {
    const ssize_t sent = send(fd, line + done, length + 1 - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) break; /* the client has gone: its next read says so */
    done += (size_t)sent;
  }
  free(line);
}

static void execute(int fd, char* line) {
  char* rest = NULL;
  const char* const command = strtok_r(line, " ", &rest);
  const char* const name = strtok_r(NULL, " ", &rest);
  if (command != NULL && name != NULL && strcmp(command, "SET") == 0) {
    void* const before = table_set(name, rest);
    if (before != NULL && write(to_free[1], &before, sizeof before) != sizeof before) free(before);
    answer(fd, "+OK");
  } else if (command != NULL && name != NULL && strcmp(command, "GET") == 0) {
    const char* const value = table_get(name);
    answer(fd, value == NULL ? "-" : value);
  } else {
    answer(fd, "-unknown command");
  }
}

static void drop(struct client* client) {
  close(client->fd);
  client->fd = -1;
}

static void serve(struct client* client) {
  const ssize_t length = read(client->fd, client->line + client->length, sizeof client->line - client->length);
  if (length < 0 && errno == EINTR) return;
  if (length <= 0) {
    drop(client);
    return;
  }
  client->length += (size_t)length;
  char* begin = client->line;
  char* const end = client->line + client->length;
  for (char* stop; (stop = memchr(begin, '\n', (size_t)(end - begin))) != NULL; begin = stop + 1) {
    *stop = '\0';
    execute(client->fd, begin);
  }
  client->length = (size_t)(end - begin);
  memmove(client->line, begin, client->length);
  if (client->length == sizeof client->line) drop(client); /* no line is that long */
}

static void welcome(int listener) {
  const int fd = accept(listener, NULL, NULL);
  for (int i = 0; fd >= 0 && i < CLIENTS; i++) {
    if (clients[i].fd >= 0) continue;
    clients[i].fd = fd;
    clients[i].length = 0;
    return;
  }
  if (fd >= 0) close(fd);
}

static void serve_until_told(int listener) {
  while (!shutdown_asap) {
    struct pollfd polled[CLIENTS + 1] = {{listener, POLLIN, 0}};
    for (int i = 0; i < CLIENTS; i++) polled[i + 1] = (struct pollfd){clients[i].fd, POLLIN, 0};
    if (poll(polled, CLIENTS + 1, 100) <= 0) continue;
    for (int i = 0; i < CLIENTS; i++) {
      if (polled[i + 1].revents != 0) serve(&clients[i]);
    }
    if (polled[0].revents != 0) welcome(listener);
  }
}

static int listen_on(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0 || strlen(path) >= sizeof address.sun_path) return -1;
  strcpy(address.sun_path, path);
  unlink(path);
  const int failed = bind(fd, (struct sockaddr*)&address, sizeof address) != 0 || listen(fd, CLIENTS) != 0;
  return failed ? -1 : fd;
}

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: redis213 SOCKET [LOG]\n");
    return 2;
  }
  log_path = argc == 3 ? argv[2] : NULL;
  unsetenv("TZ"); /* as on most servers */
  for (int i = 0; i < CLIENTS; i++) clients[i].fd = -1;

  struct sigaction action = {.sa_handler = signal_handler, .sa_flags = SA_RESTART};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGUSR1, &action, NULL);
  const int listener = listen_on(argv[1]);
  pthread_t thread;
  sigset_t both;
  sigemptyset(&both);
  sigaddset(&both, SIGTERM);
  sigaddset(&both, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &both, NULL); /* the second thread inherits it: signals are the first one's */
  if (listener < 0 || pipe(to_free) != 0 || pthread_create(&thread, NULL, free_lazily, NULL) != 0) {
    perror("redis213");
    return 1;
  }
  log_line("The server is ready");
  pthread_sigmask(SIG_UNBLOCK, &both, NULL);

  serve_until_told(listener);
  pthread_sigmask(SIG_BLOCK, &both, NULL); /* from here on the program itself logs */
  close(to_free[1]);
  pthread_join(thread, NULL);
  unlink(argv[1]);
  log_line("Bye");
  return 0;
}
