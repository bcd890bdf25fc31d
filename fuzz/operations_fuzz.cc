// SPDX-License-Identifier: Apache-2.0
// Sequences of allocator calls out of arbitrary bytes, against a simple model: every live object carries a pattern that is
// checked before it changes hands, and the audit runs at the end of each input. Under libFuzzer, or replayed from files by
// replay.cc, so that what a fuzzer once found stays a test.
//
// An input is a list of four-byte steps {operation, place, size class, size within it}. The lowest three bits of the first
// byte are the operation. The next two say how many of the steps behind it a signal handler takes in the middle of this one;
// the upper three, at which of its hook points (interrupted.h).

#include <reslab/reslab.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "interrupted.h"
#include "require.h"

namespace {

using fuzz::require;

constexpr size_t kPlaces = 64;

struct Object {
  unsigned char* data = nullptr;
  size_t size = 0;
  unsigned char pattern = 0;
  bool is_in_use = false;  // by a step that a handler has interrupted
};

// Sizes around every border: 2^k plus a little, mostly small, up to about 2 MiB.
size_t size_from(uint8_t magnitude, uint8_t within) {
  const size_t base = size_t{1} << (magnitude < 240 ? magnitude % 14 : magnitude % 21);
  return base + base * within / 256;
}

class Model {
 public:
  ~Model() {
    for (Object& object : objects_) release(object, 0);
    require(reslab_check(2) == 0, "the audit is clean");
  }

  void step(uint8_t operation, uint8_t place, size_t size) {
    Object& object = objects_[place % kPlaces];
    if (object.is_in_use) return;
    object.is_in_use = true;
    change(object, operation, place, size);
    object.is_in_use = false;
  }

 private:
  void change(Object& object, uint8_t operation, uint8_t place, size_t size) {
    switch (operation % 8) {
      case 0:
        adopt(object, reslab_malloc(size), size);
        break;
      case 1:
        adopt(object, reslab_malloc_nolock(size, 0), size);
        break;
      case 2:
        adopt(object, reslab_malloc_nolock(size, RESLAB_GROW), size);
        break;
      case 3:
        adopt_zeroed(object, reslab_calloc(1, size), size);
        break;
      case 4:
        adopt_aligned(object, size_t{16} << (place % 13), size);
        break;
      case 5:
        resize(object, size);
        break;
      case 6:
        release(object, place);
        break;
      default:
        reslab_flush_deferred();
        break;
    }
  }

  void adopt(Object& object, void* memory, size_t size) {
    release(object, size & 1);
    if (memory == nullptr) return;
    require(reinterpret_cast<uintptr_t>(memory) % 16 == 0, "alignment of 16");
    require(reslab_usable_size(memory) >= size, "the object holds what was asked");
    object.data = static_cast<unsigned char*>(memory);
    object.size = size;
    object.pattern = ++next_pattern_;
    std::memset(object.data, object.pattern, size);
  }

  void adopt_zeroed(Object& object, void* memory, size_t size) {
    const auto* bytes = static_cast<unsigned char*>(memory);
    for (size_t i = 0; memory != nullptr && i < size; ++i) require(bytes[i] == 0, "calloc gives zeroes");
    adopt(object, memory, size);
  }

  void adopt_aligned(Object& object, size_t alignment, size_t size) {
    void* memory = reslab_aligned_alloc(alignment, size);
    require(reinterpret_cast<uintptr_t>(memory) % alignment == 0, "the alignment that was asked");
    adopt(object, memory, size);
  }

  void resize(Object& object, size_t size) {
    if (object.data == nullptr) return;
    check(object);
    void* moved = reslab_realloc(object.data, size);
    if (moved == nullptr) return;
    object.data = static_cast<unsigned char*>(moved);
    object.size = object.size < size ? object.size : size;
    check(object);
    object.size = size;
    std::memset(object.data, object.pattern, size);
  }

  void release(Object& object, size_t how) {
    if (object.data == nullptr) return;
    check(object);
    if (how % 2 == 0) reslab_free(object.data);
    else reslab_free_nolock(object.data);
    object.data = nullptr;
    object.size = 0;
  }

  void check(const Object& object) {
    for (size_t i = 0; i < object.size; ++i) require(object.data[i] == object.pattern, "an object keeps its contents");
  }

  std::array<Object, kPlaces> objects_ = {};
  unsigned char next_pattern_ = 0;
};

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), left_(size / 4) {}

  bool has_step() const { return left_ > 0; }

  void take_step(Model& model, unsigned depth = 0) {
    constexpr unsigned kMostDepth = 3;
    const uint8_t* step = data_;
    data_ += 4, --left_;
    const auto work = [&] { model.step(step[0], step[1], size_from(step[2], step[3])); };
    const unsigned inside = depth < kMostDepth ? step[0] >> 3 & 3 : 0;
    if (inside == 0) return work();
    fuzz::do_interrupted(1 + (step[0] >> 5), work, [&] {
      for (unsigned i = 0; i < inside && has_step(); ++i) take_step(model, depth + 1);
    });
  }

 private:
  const uint8_t* data_;
  size_t left_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Model model;
  for (Input input(data, size); input.has_step();) input.take_step(model);
  return 0;
}
