// SPDX-License-Identifier: Apache-2.0
// Out of memory in C++, by a limit on address space: std::bad_alloc arrives where it is caught, the new-handler gets
// its chance to free something first. Linked dynamically and statically, and without any container in the program: a
// static program then lacks the runtime's own way to throw.

#include <sys/resource.h>

#include <new>

#include "mode.h"

namespace {

constexpr size_t kBlockBytes = 8 << 20;
constexpr int kBlocks = 1024;

char* blocks[kBlocks];
int block_count;
char* cushion;
int handler_calls;

// The limit holds from the start of the program that this one becomes, so that it holds for every form of the library.
void run_again_under_a_limit(char** argv) {
  struct rlimit limit;
  EXPECT(getrlimit(RLIMIT_AS, &limit) == 0);
  limit.rlim_cur = size_t{512} << 20;
  EXPECT(setrlimit(RLIMIT_AS, &limit) == 0);
  char limited[] = "limited";
  char* const arguments[] = {argv[0], limited, nullptr};
  execv("/proc/self/exe", arguments);
  EXPECT(!"the program could not be run again");
}

// True when it ended by std::bad_alloc.
bool fill() {
  try {
    while (block_count < kBlocks) {
      blocks[block_count] = static_cast<char*>(opaque(new char[kBlockBytes]));
      blocks[block_count++][0] = 1;
    }
  } catch (const std::bad_alloc& failure) {
    EXPECT(strstr(failure.what(), "bad_alloc") != nullptr);
    return true;
  }
  return false;
}

void give_the_cushion_away() {
  ++handler_calls;
  delete[] cushion;
  cushion = nullptr;
  std::set_new_handler(nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) {
    run_again_under_a_limit(argv);
    return verdict();
  }
  cushion = static_cast<char*>(opaque(new char[2 * kBlockBytes]));
  expect_mode();
  EXPECT(fill());
  EXPECT(block_count > 0);
  EXPECT(opaque(new (std::nothrow) char[kBlockBytes]) == nullptr);

  // The cushion is the room for one block more.
  std::set_new_handler(give_the_cushion_away);
  EXPECT(fill());
  EXPECT(handler_calls == 1);
  EXPECT(cushion == nullptr);

  try {
    opaque(::operator new (kBlockBytes, std::align_val_t{4096}));
    EXPECT(!"an aligned new succeeded without memory");
  } catch (...) {  // a static program without a runtime's bad_alloc would end here
  }

  while (block_count > 0) delete[] blocks[--block_count];
  char* again = static_cast<char*>(opaque(new char[kBlockBytes]));
  EXPECT(again != nullptr);
  delete[] again;
  return verdict();
}
