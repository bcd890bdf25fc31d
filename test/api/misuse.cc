// One misuse a run: what misuse.py expects of each is in its table. Ends by reslab's report; exits with 0 if the misuse
// went unnoticed.
//
// Usage: misuse CASE

#include <dlfcn.h>
#include <malloc.h>
#include <sched.h>
#include <sys/mman.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include "mode.h"
#include "support/opaque.h"

// C23.
extern "C" void free_sized(void* ptr, size_t size);

namespace {

using unit::opaque;

char* object(size_t bytes) { return static_cast<char*>(opaque(malloc(bytes))); }

char* at_address(uintptr_t address) { return opaque(reinterpret_cast<char*>(address)); }

char static_bytes[4096];

// A page that was mapped a moment ago.
char* unmapped() {
  void* page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page, 4096);
  return static_cast<char*>(page);
}

char* mapped() {
  return static_cast<char*>(mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

char* never_allocated() {
  free(object(64));
  reslab_status status = {};
  reslab_get_status(&status, sizeof status);
  return at_address(status.arena_base + status.arena_window_bytes - 65536);
}

// Traffic in the class that no magazine and no depot holds: objects come from slabs and go back to them.
void churn(size_t bytes) {
  constexpr size_t kBytes = size_t{32} << 20;
  static void* objects[kBytes / 64];
  const size_t count = kBytes / bytes;
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < count; ++i) objects[i] = object(bytes);
    for (size_t i = 0; i < count; ++i) free(objects[i]);
  }
}

// The second of two frees finds the first on top of the magazine of its CPU: the thread has to stay there.
void stay_on_this_cpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(sched_getcpu(), &set);
  EXPECT(sched_setaffinity(0, sizeof set, &set) == 0);
}

void allocate_in_handler(int) {
  for (int i = 0; i < 1000; ++i) free(object(static_cast<size_t>(i) * 8));
}

struct Case {
  const char* name;
  void (*misuse)();
};

const Case kCases[] = {
    {"free_stack",
     [] {
       char local[64];
       free(opaque(local));
     }},
    {"free_static", [] { free(opaque(static_bytes)); }},
    {"free_text", [] { free(opaque(const_cast<char*>("constant"))); }},
    {"free_code", [] { free(opaque(reinterpret_cast<char*>(&churn))); }},
    {"free_small_number", [] { free(at_address(1)); }},
    {"free_last_address", [] { free(at_address(UINTPTR_MAX)); }},
    {"free_not_canonical", [] { free(at_address(uintptr_t{1} << 62)); }},
    {"free_unmapped", [] { free(opaque(unmapped())); }},
    {"free_mapped", [] { free(opaque(mapped())); }},
    {"free_before_the_first_call",
     [] {
       char local[16];
       free(opaque(local));
     }},
    {"free_of_libcs_own",
     [] {
       using Malloc = void* (*)(size_t);
       const auto libc_malloc = reinterpret_cast<Malloc>(dlsym(RTLD_DEFAULT, "__libc_malloc"));
       free(opaque(libc_malloc(64)));
     }},
    {"free_never_allocated", [] { free(never_allocated()); }},
    {"free_interior", [] { free(object(64) + 16); }},
    {"free_interior_odd", [] { free(object(64) + 1); }},
    {"free_interior_of_a_large_object", [] { free(object(200000) + 4096); }},
    {"free_interior_of_a_block", [] { free(object(3 << 20) + 16); }},
    {"free_later_unit_of_a_block", [] { free(object(3 << 20) + (1 << 20)); }},
    {"free_one_before", [] { free(object(64) - 1); }},
    {"free_twice",
     [] {
       char* volatile one = object(64);
       free(one);
       free(one);
     }},
    {"free_twice_with_another_between",
     [] {
       char* volatile one = object(64);
       char* other = object(64);
       free(one);
       free(other);
       free(one);
       reslab_trim(0);
     }},
    {"free_twice_and_kept_in_a_depot",
     [] {
       char* volatile one = object(64);
       char* other = object(64);
       free(one);
       free(other);
       free(one);
       churn(64);
       reslab_trim(0);
     }},
    {"free_twice_long_after",
     [] {
       char* volatile one = object(64);
       free(one);
       churn(64);
       reslab_trim(0);
       free(one);
       churn(64);
       reslab_trim(0);
     }},
    {"free_twice_large",
     [] {
       char* volatile one = object(200000);
       free(one);
       free(one);
       churn(200000);
     }},
    {"free_twice_block",
     [] {
       char* volatile one = object(3 << 20);
       free(one);
       free(one);
     }},
    {"nolock_free_twice",
     [] {
       char* volatile one = object(64);
       reslab_free_nolock(one);
       reslab_free_nolock(one);
     }},
    {"nolock_free_interior", [] { reslab_free_nolock(object(1000) + 32); }},
    {"nolock_free_stack",
     [] {
       char local[64];
       reslab_free_nolock(opaque(local));
     }},
    {"reslab_free_interior", [] { reslab_free(object(1000) + 32); }},
    {"delete_interior", [] { operator delete(object(1000) + 32); }},
    {"delete_static", [] { operator delete (opaque(static_bytes), size_t{16}); }},
    {"free_sized_interior", [] { free_sized(object(1000) + 32, 1000); }},
    {"free_sized_wrong_size", [] { free_sized(object(64), 4000); }},
    {"delete_wrong_size", [] { operator delete (object(64), size_t{4000}); }},
    {"realloc_stack",
     [] {
       char local[64];
       free(opaque(realloc(opaque(local), 100)));
     }},
    {"realloc_interior", [] { free(opaque(realloc(object(64) + 16, 100))); }},
    {"realloc_interior_of_a_block", [] { free(opaque(realloc(object(3 << 20) + (1 << 20), 100))); }},
    {"usable_size_static", [] { static_bytes[0] = static_cast<char>(malloc_usable_size(opaque(static_bytes))); }},
    {"usable_size_interior", [] { static_bytes[0] = static_cast<char>(malloc_usable_size(object(64) + 16)); }},
    {"report_with_a_handler_that_allocates",
     [] {
       signal(SIGABRT, allocate_in_handler);
       free(object(64) + 16);
     }},
    {"report_with_sigabrt_ignored",
     [] {
       signal(SIGABRT, SIG_IGN);
       free(object(64) + 16);
     }},
    {"report_with_sigabrt_blocked",
     [] {
       sigset_t set;
       sigemptyset(&set);
       sigaddset(&set, SIGABRT);
       sigprocmask(SIG_BLOCK, &set, nullptr);
       free(object(64) + 16);
     }},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2) {
    for (const Case& one : kCases) {
      if (strcmp(one.name, argv[1]) != 0) continue;
      if (strcmp(one.name, "free_before_the_first_call") != 0) expect_mode();
      stay_on_this_cpu();
      if (failures != 0) return 2;
      one.misuse();
      return 0;
    }
  }
  for (const Case& one : kCases) puts(one.name);
  return argc == 1 ? 0 : 2;
}
