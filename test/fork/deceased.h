// SPDX-License-Identifier: Apache-2.0
// A thread that stops for ever in the middle of an operation. In a child that is forked then it does not exist; what it had
// in hand is found by the child's repair.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>

#include "heir.h"
#include "ledger.h"
#include "library_map.h"
#include "operations.h"
#include "scripted_cpu.h"
#include "single_step.h"

class Deceased {
 public:
  // Brings it to where its deed begins. It will die behind so many steps in the library, or behind the deed. On the
  // scripted CPU of the calling thread, which is idle while this one works, if there is one.
  void begin(const progress::Operation& deed, const support::LibraryMap& library, uint64_t steps, bool is_scripted) {
    deed_ = &deed, library_ = &library, steps_left_ = steps, is_scripted_ = is_scripted;
    std::thread([this] { live(); }).detach();
    await(Stage::kReady);
    ledger_.take();
    in_hand_ = hand_.count();
  }

  // Whether that was in the middle of the deed.
  bool die() {
    stage_ = Stage::kDying;
    await(Stage::kDead);
    return is_inside_;
  }

  // In a child that has nothing of its own handed out.
  void expect_its_estate() const {
    progress::expect_estate({.ledger = &ledger_,
                             .in_hand = in_hand_,
                             .in_hand_now = std::min(in_hand_, hand_.count()),  // the deed may have added to it
                             .units_added = deed_->units_added,
                             .lost_before = 0,
                             .objects_added = deed_->objects_added});
    hand_.check();
  }

 private:
  enum class Stage { kBorn, kReady, kDying, kDead };

  void await(Stage wanted) const {
    while (stage_.load() != wanted) usleep(100);
  }

  void live() {
    if (is_scripted_) support::take_over_rseq();
    deed_->prepare(hand_);
    stage_ = Stage::kReady;
    await(Stage::kDying);
    support::single_step([](void* self) { static_cast<Deceased*>(self)->act(); },
                         [](uint64_t, void* self) { static_cast<Deceased*>(self)->take_a_step(); }, this);
    rest();
  }

  void act() { deed_->run(hand_); }

  void take_a_step() {
    const uintptr_t pc = support::stepped_pc();
    if (!library_->contains(pc) || library_->section_around(pc) != nullptr) return;
    if (steps_left_-- > 0) return;
    is_inside_ = true;
    rest();
  }

  [[noreturn]] void rest() {
    stage_ = Stage::kDead;
    for (;;) pause();
  }

  const progress::Operation* deed_;
  const support::LibraryMap* library_;
  uint64_t steps_left_;
  bool is_scripted_;
  bool is_inside_ = false;
  std::atomic<Stage> stage_{Stage::kBorn};
  support::Ledger ledger_;
  progress::Hand hand_;
  size_t in_hand_;
};
