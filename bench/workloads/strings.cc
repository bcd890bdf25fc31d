// SPDX-License-Identifier: Apache-2.0
// Strings built by realloc: many short ones to which a few characters are added each time, and now and then a document
// that grows by half to some megabytes.
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "frame.h"
#include "random.h"
#include "table.h"

namespace {

constexpr size_t kStrings = 512;
constexpr size_t kLongest = 4'096;
constexpr size_t kDocumentBytes = 8 << 20;

struct String {
  char* text;
  size_t length;

  void append(size_t more, char with) {
    text = static_cast<char*>(realloc(text, length + more));
    if (text == nullptr) workload::die("realloc returned NULL");
    memset(text + length, with, more);
    length += more;
  }

  void require_uniform() const {
    for (const size_t at : {size_t{0}, length / 2, length - 1}) {
      if (text[at] != text[0]) workload::die("realloc lost what was written");
    }
  }

  void clear() {
    if (length == 0) return;
    require_uniform();
    free(text);
    *this = {};
  }
};

uint64_t build_document() {
  String document = {};
  uint64_t steps = 0;
  for (size_t more = 64; document.length < kDocumentBytes; more = document.length / 2, ++steps)
    document.append(more, 'd');
  document.clear();
  return steps;
}

}  // namespace

int main(int argc, char** argv) {
  workload::Frame frame(argc, argv, {.work = 4'000'000});
  workload::Table<String> strings(kStrings);
  workload::Random random(1);
  uint64_t steps = 0;
  for (; steps < frame.arguments().work; ++steps) {
    String& string = strings[random.below(kStrings)];
    const size_t more = random.between(1, 64);
    if (string.length + more > kLongest) string.clear();
    string.append(more, static_cast<char>('a' + (&string - strings.begin()) % 26));
    if (steps % 100'000 == 0) steps += build_document();
    if (steps % 256 == 0) frame.sample();
  }
  for (String& string : strings) string.clear();
  return frame.report(steps);
}
