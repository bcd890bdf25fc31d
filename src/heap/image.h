// SPDX-License-Identifier: Apache-2.0
// The image: how the heap of a process is read from outside, while the process runs or from its core. It is the head of
// the root, so it is whole wherever a root is published, and it says where everything is and how wide. Two ways lead to
// it: the exported symbol `reslab_image`, a pointer to it that is NULL before the first allocation, and a note in the
// file's loaded segments, which a stripped static program keeps as well:
//
//   name "reslab", type 1, description {i64: address of that pointer, less the address of this word}
//
// Nothing in the library reads it. A reader compares `magic`, `version` and `layout` first; all that it reads then may
// change under its eyes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace reslab {

inline constexpr uint64_t kImageMagic = 0x6567616d69627372;  // "rsbimage"
inline constexpr uint32_t kImageVersion = 3;
inline constexpr uint32_t kImageNoteType = 1;

struct Image {
  uint64_t magic;
  uint32_t version;
  uint32_t bytes;   // of this structure
  uint64_t layout;  // of the words: image_layout()
#define WORD(name, meaning) uint64_t name;
#include "heap/image.def"
#undef WORD
};

struct ImageWord {
  const char* name;
  const char* meaning;
};
inline constexpr ImageWord kImageWords[] = {
#define WORD(name, meaning) {#name, meaning},
#include "heap/image.def"
#undef WORD
};
inline constexpr size_t kImageHead = 3 * sizeof(uint64_t);
static_assert(sizeof(Image) == kImageHead + sizeof kImageWords / sizeof kImageWords[0] * sizeof(uint64_t));

// Of the names of the words in their order (FNV-1a): two builds that differ in what they say differ here.
consteval uint64_t image_layout() {  // not at the start of each process
  uint64_t hash = 0xcbf29ce484222325;
  for (const ImageWord& word : kImageWords) {
    for (const char* c = word.name; *c != '\0'; ++c) hash = (hash ^ static_cast<uint8_t>(*c)) * 0x100000001b3;
    hash = (hash ^ 0xff) * 0x100000001b3;  // between two names
  }
  return hash;
}

struct Root;

// Fills the image of a root that is complete but for it, and not published yet.
struct ImageWriter {
  static void fill(Root& root);

 private:
  static void fill_cache_classes(Image& image, const Root& root);
  static void fill_arena(Image& image, const Root& root);
  static void fill_blocks(Image& image, const Root& root);
};

}  // namespace reslab
