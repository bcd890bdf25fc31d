// SPDX-License-Identifier: Apache-2.0
// What reads heaps from outside (tools/lib), against a heap of which arbitrary bytes say what is damaged: it comes to an end,
// with figures, findings, or a Failure that says what is wrong. The heap is this program's own, which does nothing meanwhile,
// since the readers' memory is libc's.
//
// An input is a list of eight-byte steps {what, how, place:16, value:32}. What is even: the word of the image of that number
// changes. What is odd: of the piece of memory that is read as the place-th, one byte does.

#include <reslab/reslab.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "audit.h"
#include "failure.h"
#include "profile.h"
#include "require.h"
#include "survey.h"
#include "view.h"

namespace {

using fuzz::require;
using namespace reslab;
using namespace reslab::outside;

// --- what is read ----------------------------------------------------------------------------------------------------

// Something of each kind: slabs of many classes, runs, a typed cache, groups, objects on their way home.
void make_heap() {
  const reslab_cache_args args = {336, 0, RESLAB_CACHE_NO_MERGE, nullptr, nullptr};
  reslab_cache* const cache = reslab_cache_create("typed", &args);
  reslab_group* const outer = reslab_group_create("outer", size_t{1} << 30);
  reslab_group* const inner = reslab_group_create_in(outer, "inner", size_t{1} << 20);
  for (size_t i = 0; i < 2000; ++i) {
    const size_t bytes = i % 100 == 0 ? i * 300 : 16 + i % 20 * 100;
    void* const objects[] = {reslab_malloc(bytes), reslab_cache_alloc(cache), reslab_group_malloc(inner, 1 + i % 500)};
    for (void* object : objects) require(object != nullptr, "there is memory");
    if (i % 3 == 0) reslab_free(objects[0]);
    if (i % 3 == 1) reslab_free_nolock(objects[2]);
  }
}

struct Damage {
  uint8_t what, how;
  uint16_t place;
  uint32_t value;

  bool is_of_the_image() const { return what % 2 == 0; }
  uint64_t changed(uint64_t word) const {
    switch (how % 4) {
      case 0:
        return word ^ value;
      case 1:
        return value;
      case 2:
        return word + value;
      default:
        return word ^ uint64_t { value } << 32;
    }
  }
};
constexpr uint64_t kWords = (sizeof(Image) - kImageHead) / 8;

// This process as a core file has it: nothing changes while it is read.
class Damaged : public Memory {
 public:
  Damaged(const View& sound, std::vector<Damage> damages) : sound_(sound), damages_(std::move(damages)) {}

  void read(std::span<const Piece> pieces) const override {
    for (const Piece& piece : pieces) {
      if (!try_read(piece.address, piece.into, piece.bytes)) throw Failure("this memory is not there");
    }
  }
  bool try_read(uint64_t address, void* into, size_t bytes) const override {
    constexpr uint32_t kMostReads = 1 << 20;
    require(++reads_ < kMostReads, "what reads a damaged heap comes to an end");
    if (!sound_.memory().try_read(address, into, bytes)) return false;
    for (const Damage& damage : damages_) {
      if (damage.is_of_the_image()) damage_word(damage, address, static_cast<char*>(into), bytes);
      else if (damage.place == reads_ && bytes > 0) static_cast<uint8_t*>(into)[damage.value % bytes] ^= damage.how;
    }
    return true;
  }

  std::vector<Module> modules() const override {
    static const std::vector<Module> all = sound_.memory().modules();
    return all;
  }
  std::string mappings() const override { return ""; }
  void require_alive(Look) const override {}
  bool is_live() const override { return false; }
  std::string name() const override { return "fuzz"; }
  std::string title() const override { return "a damaged heap"; }
  int64_t process_id() const override { return -1; }
  uint64_t resident_bytes() const override { return 0; }

 private:
  void damage_word(const Damage& damage, uint64_t address, char* into, size_t bytes) const {
    const uint64_t at = sound_.image_at() + kImageHead + damage.place % kWords * 8;
    if (at < address || at + 8 > address + bytes) return;
    uint64_t word;
    std::memcpy(&word, into + (at - address), 8);
    word = damage.changed(word);
    std::memcpy(into + (at - address), &word, 8);
  }

  const View& sound_;
  const std::vector<Damage> damages_;
  mutable uint32_t reads_ = 0;
};

// --- who reads it ----------------------------------------------------------------------------------------------------

// Whether it came to its end without a Failure; anything else that is thrown says nothing to a user.
bool ends_well(const std::function<void()>& reader) {
  try {
    reader();
    return true;
  } catch (const Failure&) {
    return false;
  } catch (const std::exception& other) {
    require(false, std::string("a reader of a damaged heap says what is wrong, not ") + other.what());
    return false;
  }
}

void read_all(const Memory& memory, bool is_sound) {
  const auto look = [&](const std::function<void(const View&)>& reader) {
    const bool well = ends_well([&] { reader(View(memory)); });
    require(well || !is_sound, "a sound heap can be read");
  };
  look([](const View& view) { take_survey(view); });
  look([](const View& view) { look_at_units(view); });
  look([](const View& view) { pprof_text(read_profile(view), ""); });
  look([&](const View& view) {
    const AuditResult result = audit(view);
    require(result.findings.empty() || !is_sound, "a sound heap passes its audit");
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<Memory> self = open_process(std::to_string(getpid()));
  static const View sound = [] {
    make_heap();
    return View(*self);
  }();
  std::vector<Damage> damages(size / sizeof(Damage));
  if (!damages.empty()) std::memcpy(damages.data(), data, damages.size() * sizeof(Damage));
  read_all(Damaged(sound, damages), damages.empty());
  return 0;
}
