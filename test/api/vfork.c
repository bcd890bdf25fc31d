/* SPDX-License-Identifier: Apache-2.0 */
/* vfork where reslab is the malloc (rule 10). By default it is fork: the child has memory of its own and may do what it
 * likes. With the option vfork=native it is the kernel's: the child borrows its parent's memory until it ends.
 *
 * Usage: vfork fork|native */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "expect_preloaded.h"

static volatile int written_by_child;
static atomic_int stop_threads;

static int ended_with(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* True when the child's store was seen by the parent. Deeper than main, so that the return address is at stake. */
__attribute__((noinline)) static int shares_memory(void) {
  written_by_child = 0;
  const pid_t child = vfork();
  if (child == 0) {
    written_by_child = 1;
    _exit(42);
  }
  EXPECT(child > 0);
  EXPECT(ended_with(child) == 42);
  return written_by_child;
}

__attribute__((noinline)) static void exec_in_child(void) {
  const pid_t child = vfork();
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", "exit 7", (char*)NULL);
    _exit(1);
  }
  EXPECT(child > 0);
  EXPECT(ended_with(child) == 7);
}

static void* allocate_until_stopped(void* argument) {
  (void)argument;
  while (!stop_threads) {
    for (size_t bytes = 1; bytes < 3000; bytes += 61) free(opaque(malloc(bytes)));
  }
  return NULL;
}

/* What a native child must not do, and a forked one may: allocate while the parent's threads do. */
static void allocate_in_children_of_a_threaded_program(void) {
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) EXPECT(pthread_create(&threads[i], NULL, allocate_until_stopped, NULL) == 0);
  for (int round = 0; round < 100; ++round) {
    const pid_t child = vfork();
    if (child == 0) {
      void* objects[200];
      for (int i = 0; i < 200; ++i) {
        objects[i] = opaque(malloc((size_t)i * 11));
        if (objects[i] == NULL) _exit(1);
        memset(objects[i], i, (size_t)i * 11);
      }
      for (int i = 0; i < 200; ++i) free(objects[i]);
      _exit(0);
    }
    EXPECT(child > 0 && ended_with(child) == 0);
  }
  stop_threads = 1;
  for (int i = 0; i < 4; ++i) EXPECT(pthread_join(threads[i], NULL) == 0);
}

/* A vfork that fails returns once, with errno. The limit on processes does not hold for root, who gives root up for it,
 * in a child of his own. */
static void expect_failure_to_be_told(void) {
  const pid_t child = fork();
  if (child == 0) {
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_NPROC, &none) != 0) _exit(2);
    if (geteuid() == 0 && (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)) _exit(kSkipped);
    errno = 0;
    const pid_t grandchild = vfork();
    if (grandchild == 0) _exit(3);
    _exit(grandchild == -1 && errno == EAGAIN ? 0 : 4);
  }
  const int result = ended_with(child);
  EXPECT(result == 0 || result == kSkipped);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const int is_native = strcmp(argv[1], "native") == 0;
  free(opaque(malloc(1)));
  expect_mode_by_lookup();
  for (int i = 0; i < 100; ++i) EXPECT(shares_memory() == is_native);
  exec_in_child();
  expect_failure_to_be_told();
  if (!is_native) allocate_in_children_of_a_threaded_program();
  free(opaque(malloc(1000)));
  return verdict();
}
