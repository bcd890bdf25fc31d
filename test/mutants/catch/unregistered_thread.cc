// SPDX-License-Identifier: Apache-2.0
// A thread without rseq, such as the child of a native vfork: nothing would abort its sections, so it must leave the
// magazines alone, whatever slot number it happens to read (10).
#include <vector>

#include "cache/cpu_state.h"
#include "catcher.h"
#include "scripted_cpu.h"
#include "slab/size_classes.h"

using namespace catcher;
using namespace reslab;

namespace {
constexpr ClassId kClass = 4;  // 64 bytes
}

int main(int argc, char** argv) {
  start(argc, argv);
  expect(with_rseq(), "registration is what this is about");
  support::take_over_rseq();
  reslab_free(reslab_malloc(64));
  const uint64_t header = header_word(0, kClass).load();
  expect(header_top(header) > class_info(kClass).begin, "the magazine is empty");

  support::be_unregistered();
  std::vector<void*> objects;
  for (int i = 0; i < 50; ++i) objects.push_back(reslab_malloc(64));
  for (void* object : objects) expect(object != nullptr, "an unregistered thread gets no memory");
  expect(header_word(0, kClass).load() == header, "an unregistered thread has taken from a magazine");
  for (void* object : objects) reslab_free(object);
  expect(header_word(0, kClass).load() == header, "an unregistered thread has put into a magazine");
  support::be_on_slot(0);
  expect_sound_heap();
}
