// SPDX-License-Identifier: Apache-2.0
// A pointer into the middle of an object is reported, on the fast path as on the slow one (15).
#include "catcher.h"

using namespace catcher;

namespace {

char* object;
size_t inside;

void free_inside() { reslab_free(opaque(object + inside)); }
void free_inside_nolock() { reslab_free_nolock(opaque(object + inside)); }

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  for (const size_t bytes : {64, 1000, 100000}) {
    object = static_cast<char*>(reslab_malloc(bytes));
    reslab_free(reslab_malloc(bytes));
    for (const size_t offset : {size_t{16}, bytes / 32 * 16}) {
      inside = offset;
      expect_report(free_inside, "not the start of an object");
      expect_report(free_inside_nolock, "not the start of an object");
    }
  }
}
