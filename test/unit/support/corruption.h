// SPDX-License-Identifier: Apache-2.0
// A heap with something in every place that the audit looks at, for tests that plant one wrong thing, see it found under
// its rule, and repair it. One thread, on one CPU, and nobody else in the heap.
#pragma once

#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <atomic>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cache/cpu_state.h"
#include "heap/root.h"
#include "slab/slab.h"
#include "support/audit.h"
#include "support/cpus.h"
#include "support/opaque.h"

namespace unit {

using namespace reslab;

class Corruption : public testing::Test {
 protected:
  static inline const ClassId kSmall = class_of_size(144);    // a slab is one unit, its last word of bits not full
  static inline const ClassId kLarge = class_of_size(20000);  // a slab is several units, nothing of it is cached

  void SetUp() override {
    while (live_.size() < 4 * info().capacity) keep(opaque(reslab_malloc(144)));
    while (large_.size() < 40) large_.push_back(opaque(reslab_malloc(20000)));
    slot_ = slot_index();
    while (active() == 0 && live_.size() < 10 * info().capacity) keep(opaque(reslab_malloc(144)));
    for (int i = 0; i < 10; ++i) reslab_free(take_live());
    ASSERT_NE(top_word(), nullptr) << "no magazine holds anything";
    ASSERT_NE(active(), 0u) << "no slab is active";
    expect_sound_heap();
  }

  void TearDown() override {
    for (void* object : live_) reslab_free(object);
    for (void* object : large_) reslab_free(object);
    reslab_trim(0);  // the next test begins with fresh slabs
    expect_sound_heap();
  }

  // The audit finds exactly this rule broken.
  static void expect_only(const std::string& rule) {
    const Findings findings = audit();
    EXPECT_GE(findings.count, 1);
    EXPECT_EQ(findings.rules, std::set<std::string>{rule}) << findings.text.substr(0, 2000);
  }
  // This one, and what follows from it.
  static void expect_among(const std::string& rule, const std::string& words) {
    const Findings findings = audit();
    EXPECT_EQ(findings.rules.count(rule), 1u) << findings.text.substr(0, 2000);
    EXPECT_NE(findings.text.find(rule + ": " + words), std::string::npos) << findings.text.substr(0, 2000);
  }

  // Plants `value` in `place`, and repairs it when it was found.
  template <class T, class V>
  static void expect_found(std::atomic<T>& place, V value, const std::string& rule) {
    const T kept = place.exchange(static_cast<T>(value));
    expect_only(rule);
    place.store(kept);
    expect_sound_heap();
  }

  static const ClassInfo& info() { return class_info(kSmall); }

  // --- the places of the class on this CPU
  uint32_t slot() const { return slot_; }
  std::atomic<uint64_t>& header() const { return header_word(slot_, kSmall); }
  std::atomic<void*>& word(uint32_t i) const { return slot_words(slot_)[i]; }
  std::atomic<uint32_t>& active() const { return class_slot(slot_, kSmall).active; }
  // The highest slot of the magazine that holds an object.
  std::atomic<void*>* top_word() const {
    for (uint32_t i = info().begin + info().magazine; i-- > info().begin;) {
      if (word(i).load() != nullptr && (!in_rseq() || i < header_top(header().load()))) return &word(i);
    }
    return nullptr;
  }
  static bool in_rseq() { return root().cpu.mode == Mode::kRseq; }

  // --- objects and slabs
  void* take_live() {
    void* object = live_.back();
    live_.pop_back();
    return object;
  }
  void keep(void* object) { live_.push_back(object); }
  static std::atomic<uint64_t>& state_of(uint32_t unit) { return slab_at(unit).state; }
  static uint16_t flags(uint32_t unit) { return flags_of(state_of(unit).load()); }

  // A slab of the class with no free object, neither active nor listed.
  uint32_t full_unit() const {
    for (void* object : live_) {
      const uint32_t unit = place_of(object).unit;
      if (flags(unit) == 0) return unit;
    }
    ADD_FAILURE() << "no slab is full";
    return 0;
  }
  // A slab that is listed because one object was given back to it, past all caches.
  uint32_t listed_unit() {
    const uint32_t unit = full_unit();
    for (void*& object : live_) {
      if (place_of(object).unit != unit) continue;
      std::swap(object, live_.back());
      break;
    }
    EXPECT_TRUE(slab_give_object(take_live()));
    EXPECT_EQ(flags(unit), kSlabListed);
    return unit;
  }
  uint32_t large_unit() const { return place_of(large_.front()).unit; }

  // The word and bit of an object in its slab's bitmap.
  static std::pair<std::atomic<uint64_t>&, uint64_t> bit_of(void* object) {
    const ObjectPlace place = place_of(object);
    const ClassInfo& its = class_info(place.cls);
    const uint32_t index = object_index(its, place.offset);
    return {slab_bits(place.unit, its)[index / 64], uint64_t{1} << (index % 64)};
  }

  // Sets a bit as if the object were free, with list and counts to match, and takes it back.
  static void set_bit(std::atomic<uint64_t>& bits, uint64_t bit, uint32_t unit) {
    if (flags(unit) == 0) slab_relist(unit, slab_identity(unit));
    bits.fetch_or(bit);
    slab_at(unit).free_hint.fetch_add(1);
    slab_class(kSmall).free_objects.fetch_add(1);
  }
  static void clear_bit(std::atomic<uint64_t>& bits, uint64_t bit, uint32_t unit) {
    bits.fetch_and(~bit);
    slab_at(unit).free_hint.fetch_sub(1);
    slab_class(kSmall).free_objects.fetch_sub(1);
  }

  // A block in hand with two live objects, which are its own until it is unmade.
  uint32_t make_block() {
    const uint32_t block = blocks().take(kSmall, Contract::kPlain);
    for (uint32_t i = 0; i < 2; ++i) blocks().slots(block)[i] = take_live();
    blocks().set_count(block, 2);
    return block;
  }
  void unmake_block(uint32_t block) {
    for (uint32_t i = 0; i < 2; ++i) keep(blocks().slots(block)[i]);
    blocks().recycle(block);
  }

 private:
  const Pinned pinned_{allowed_cpus().front()};
  std::vector<void*> live_, large_;
  uint32_t slot_ = 0;
};

}  // namespace unit
