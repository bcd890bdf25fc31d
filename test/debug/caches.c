/* SPDX-License-Identifier: Apache-2.0 */
/* Typed caches under debug=FPU,64,watched:quarantine=1m: `caches MODE`. Each case is a child, whose stderr is compared; what is not
 * named in the option is not watched. */
#include <reslab/reslab.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static reslab_cache* cache_of(const char* name, size_t bytes, void (*constructor)(void*)) {
  const struct reslab_cache_args args = {.size = bytes, .ctor = constructor};
  reslab_cache* cache = reslab_cache_create(name, &args);
  CHECK(cache != NULL);
  return cache;
}

/* Runs it in a child, and keeps the first bytes of what that says. Its status as waitpid has it. */
static int run(void (*body)(void), char* said, size_t bytes) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(20);
    dup2(ends[1], STDERR_FILENO);
    body();
    _exit(0);
  }
  close(ends[1]);
  size_t length = 0;
  for (ssize_t got; (got = read(ends[0], said + length, bytes - 1 - length)) > 0;) length += (size_t)got;
  said[length] = '\0';
  close(ends[0]);
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  return status;
}

static void expect_silence(void (*body)(void)) {
  char said[4096];
  const int status = run(body, said, sizeof said);
  if (status != 0 || said[0] != '\0') {
    fprintf(stderr, "status %x, and said: %s\n", (unsigned)status, said);
    _exit(9);
  }
}

/* All of the words, in their order. */
static void expect_report(void (*body)(void), int ends_by, const char* const* words) {
  char said[8192];
  const int status = run(body, said, sizeof said);
  const char* rest = said;
  for (; *words != NULL && (rest = strstr(rest, *words)) != NULL; ++words) rest += strlen(*words);
  if (*words == NULL && (ends_by == 0 ? status == 0 : WIFSIGNALED(status) && WTERMSIG(status) == ends_by)) return;
  fprintf(stderr, "status %x, without %s, and said: %s\n", (unsigned)status, *words != NULL ? *words : "more", said);
  _exit(9);
}

/* The words, and not who allocated the object. */
static void expect_no_history(void (*body)(void), const char* words) {
  char said[4096];
  CHECK(run(body, said, sizeof said) == 0);
  CHECK(strstr(said, words) != NULL && strstr(said, "allocated") == NULL);
}

static void* volatile object;

__attribute__((noinline)) static void allocate_here(reslab_cache* cache) {
  object = reslab_cache_alloc(cache);
  CHECK(object != NULL);
}

static void free_twice(void) {
  reslab_cache* cache = cache_of("watched", 100, NULL);
  allocate_here(cache);
  reslab_cache_free(cache, object);
  void* other = reslab_cache_alloc(cache); /* so that it is not the last one */
  reslab_cache_free_nolock(cache, other);
  reslab_cache_free(cache, object);
}

static void write_after_free(void) {
  reslab_cache* cache = cache_of("watched", 36, NULL);
  allocate_here(cache);
  reslab_cache_free(cache, object);
  ((char*)object)[33] = 1;
  for (int i = 0; i < 10000; ++i) CHECK(reslab_cache_alloc_nolock(cache, RESLAB_GROW) != NULL);
}

static void destroy_while_one_is_out(void) {
  reslab_cache* cache = cache_of("watched", 48, NULL);
  void* objects[100];
  CHECK(reslab_cache_alloc_bulk(cache, 100, objects) == 100);
  allocate_here(cache);
  reslab_cache_free_bulk(cache, 100, objects);
  CHECK(reslab_cache_destroy(cache) != 0);
}

static void destroy_of_a_cache_that_is_not_named(void) {
  reslab_cache* cache = cache_of("other", 48, NULL);
  allocate_here(cache);
  CHECK(reslab_cache_destroy(cache) != 0);
}

/* That is a size in the option. */
static void destroy_of_a_cache_called_64(void) {
  reslab_cache* cache = cache_of("64", 48, NULL);
  allocate_here(cache);
  CHECK(reslab_cache_destroy(cache) != 0);
}

static void construct(void* made) { memset(made, 7, 200); }

/* What a constructor has written stays. */
static void constructed_objects_are_not_written(void) {
  reslab_cache* cache = cache_of("watched", 200, construct);
  for (int round = 0; round < 1000; ++round) {
    allocate_here(cache);
    for (size_t i = 0; i < 200; ++i) CHECK(((char*)object)[i] == 7);
    reslab_cache_free(cache, object);
  }
  CHECK(reslab_cache_destroy(cache) == 0);
}

/* Sizes of every kind, freed by every function, and nothing is said; and nothing is in quarantine when a cache goes. */
static void life(void) {
  for (size_t bytes = 8; bytes < 3000; bytes += 1 + bytes / 3) {
    reslab_cache* cache = cache_of(bytes % 2 == 0 ? "watched" : "other", bytes, NULL);
    char* objects[64];
    for (int round = 0; round < 20; ++round) {
      for (int i = 0; i < 64; ++i) {
        objects[i] =
            i % 2 == 0 ? reslab_cache_alloc(cache) : reslab_cache_alloc_nolock(cache, RESLAB_GROW | RESLAB_ZERO);
        CHECK(objects[i] != NULL && (i % 2 == 0 || objects[i][bytes - 1] == 0));
        memset(objects[i], i, bytes);
      }
      for (int i = 0; i < 64; ++i) {
        CHECK(objects[i][0] == i && objects[i][bytes - 1] == i);
        if (i % 4 == 0) reslab_free(objects[i]);
        else if (i % 4 == 1) reslab_cache_free_nolock(cache, objects[i]);
        else if (i % 4 == 2) reslab_free_sized(objects[i], bytes);
        else reslab_cache_free(cache, objects[i]);
      }
    }
    CHECK(reslab_cache_destroy(cache) == 0);
  }
}

int main(int argc, char** argv) {
  struct reslab_status status;
  CHECK(argc == 2 && reslab_get_status(&status, sizeof status) == 0);
  CHECK(status.mode == (strcmp(argv[1], "rseq") == 0 ? RESLAB_MODE_RSEQ : RESLAB_MODE_FALLBACK));
  expect_silence(life);
  expect_silence(constructed_objects_are_not_written);
  expect_report(free_twice, SIGABRT,
                (const char*[]){"reslab_cache_free(", "allocated by thread ", " program+0x", "freed by thread ", NULL});
  expect_report(write_after_free, SIGABRT,
                (const char*[]){"reslab_cache_alloc_nolock(", "33", "freed by thread ", NULL});
  expect_report(destroy_while_one_is_out, 0,
                (const char*[]){"reslab_cache_destroy(watched): 1 object is live: 0x", "reslab:   0x",
                                "allocated by thread ", " program+0x", NULL});
  expect_no_history(destroy_of_a_cache_that_is_not_named, "reslab_cache_destroy(other): 1 object is live: 0x");
  expect_no_history(destroy_of_a_cache_called_64, "reslab_cache_destroy(64): 1 object is live: 0x");
  return 0;
}
