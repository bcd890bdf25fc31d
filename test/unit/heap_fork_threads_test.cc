// SPDX-License-Identifier: Apache-2.0
// heap/fork and heap/aside: a child whose threads, handlers and jumps come in the middle of its repair. The hooks of the
// library stop the repair where another call is to be met.
#include <gtest/gtest.h>
#include <setjmp.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "cache/drain.h"
#include "cache/magazine.h"
#include "heap/aside.h"
#include "heap/root.h"
#include "hooks.h"
#include "support/audit.h"
#include "support/child.h"
#include "support/cpus.h"
#include "support/ledger.h"

namespace reslab {
namespace {

uint32_t fork_word() { return root().fork_page->word.load(); }

// Objects of many sizes, runs among them, made before the fork.
class Objects {
 public:
  Objects() {
    for (size_t i = 0; i < 6000; ++i) held_.push_back(reslab_malloc(i % 100 == 0 ? 300000 : i * 37 % 5000));
  }
  ~Objects() { free_all(); }
  Objects(const Objects&) = delete;
  Objects& operator=(const Objects&) = delete;

  // Every other one, so that slabs of all fillings are left.
  void free_half() {
    for (size_t i = 0; i < held_.size(); i += 2) {
      reslab_free(held_[i]);
      held_[i] = nullptr;
    }
  }
  void free_all() {
    for (void*& object : held_) {
      reslab_free(object);
      object = nullptr;
    }
  }
  // New and larger places for some, and more objects besides.
  void change() {
    for (size_t i = 1; i < 200; i += 2) {
      if (held_[i] == nullptr) continue;
      held_[i] = reslab_realloc(held_[i], 700000);
      ASSERT_NE(held_[i], nullptr);
    }
    for (size_t bytes : {16, 100, 5000, 70000, 250000}) {
      held_.push_back(reslab_calloc(1, bytes));
      ASSERT_NE(held_.back(), nullptr);
      held_.push_back(reslab_aligned_alloc(131072, bytes));
      EXPECT_EQ(reinterpret_cast<uintptr_t>(held_.back()) % 131072, 0u);
      held_.push_back(reslab_malloc_nolock(bytes, RESLAB_GROW));
      ASSERT_NE(held_.back(), nullptr);
    }
    reslab_free_nolock(held_.back());
    held_.pop_back();
  }

 private:
  std::vector<void*> held_;
};

// In a child of a busy heap: `meanwhile` runs in the middle of the repair that the first allocation begins.
void with_repair_stopped_at(const char* hook, const std::function<void(Objects&)>& meanwhile) {
  const unit::Counts before = unit::live_objects();
  Objects objects;
  unit::in_child([&] {
    struct Stop {
      const std::function<void(Objects&)>& work;
      Objects& objects;
      bool reached;
    } stop = {meanwhile, objects, false};
    const support::Hook at(
        hook,
        [](void* context) {
          Stop& own = *static_cast<Stop*>(context);
          if (own.reached) return;
          own.reached = true;
          own.work(own.objects);
        },
        &stop);
    reslab_free(reslab_malloc(200000));
    EXPECT_TRUE(stop.reached);
    EXPECT_EQ(fork_word(), kForkSettled);
    unit::expect_sound_heap();
    objects.free_all();
    unit::expect_balance(before, {});
    unit::expect_sound_heap();
  });
}

constexpr const char* kPlaces[] = {"fork_repair", "fork_settle_unit", "fork_units_settled"};

TEST(HeapForkThreads, AThreadThatComesInTheMiddleOfTheRepairKeepsAside) {
  for (const char* place : kPlaces) {
    with_repair_stopped_at(place, [](Objects& objects) {
      std::thread([&] {
        EXPECT_TRUE(must_keep_aside());
        objects.free_half();
        objects.change();
        void* aside = reslab_malloc(300000);
        EXPECT_GE(unit_of(aside), root().fork_page->frontier.load()) << "nothing below is touched";
        reslab_free(aside);
        EXPECT_FALSE(must_keep_aside() && root().aside.length() == 0) << "frees were kept";
        EXPECT_EQ(reslab_trim(0), 0u);
        EXPECT_EQ(errno, EDEADLK);
        EXPECT_EQ(reslab_check(-1), -1);
        EXPECT_EQ(reslab_flush_deferred(), 0u);
      }).join();
    });
  }
}

// As one has that has begun to free what was retired.
TEST(HeapForkThreads, ANumberAloneDoesNotMakeAThreadTheOneThatRepairs) {
  for (const char* place : kPlaces) {
    with_repair_stopped_at(place, [](Objects&) {
      std::thread([] {
        thread_id();
        EXPECT_EQ(reslab_trim(0), 0u);
        EXPECT_EQ(errno, EDEADLK);
        EXPECT_EQ(fork_word(), kForkRepairing);
      }).join();
    });
  }
}

TEST(HeapForkThreads, SoDoesAHandlerOfTheRepairingThread) {
  for (const char* place : kPlaces) {
    with_repair_stopped_at(place, [](Objects& objects) {
      objects.free_half();
      objects.change();
      EXPECT_EQ(fork_word(), kForkRepairing);
    });
  }
}

sigjmp_buf back;

[[gnu::noinline]] void leave_repair_at(const char* place) {
  const support::Hook at(place, [](void*) { siglongjmp(back, 1); });
  if (sigsetjmp(back, 0) == 0) {
    reslab_free(reslab_malloc(200000));
    ADD_FAILURE() << "no repair";
  }
}

TEST(HeapForkThreads, ARepairThatWasLeftByAJumpIsDoneByTheNextMaintenanceCall) {
  for (const char* place : kPlaces) {
    const unit::Counts before = unit::live_objects();
    Objects objects;
    unit::in_child([&] {
      leave_repair_at(place);
      objects.free_half();
      objects.change();
      EXPECT_EQ(fork_word(), kForkRepairing) << "calls go on, aside";
      reslab_trim(0);
      EXPECT_EQ(fork_word(), kForkSettled);
      unit::expect_sound_heap();
      objects.free_all();
      unit::expect_balance(before, {});
    });
  }
}

// A thread of the child is the first that reslab sees: nobody may rebuild anything, and all goes on as after the death of
// the other threads.
TEST(HeapForkThreads, AChildThatAThreadComesToFirstIsSharedAndWorks) {
  const unit::Counts before = unit::live_objects();
  Objects objects;
  uint64_t dead = 0;
  uint32_t block = 0;
  std::thread([&] {
    dead = thread_id();
    block = blocks().take(class_of_size(100), Contract::kPlain);
  }).join();
  unit::in_child([&] {
    std::thread([&] {
      objects.free_half();
      reslab_free(reslab_malloc(250000));
    }).join();
    EXPECT_EQ(fork_word(), kForkShared);
    EXPECT_EQ(blocks().state(block), BlockState::kInHand) << "it may be the forking thread's";
    objects.change();
    EXPECT_EQ(fork_word(), kForkSettled);
    EXPECT_NE(blocks().state(block), BlockState::kInHand) << "of thread " << dead;
    unit::expect_sound_heap();
    objects.free_all();
    unit::expect_balance(before, {});
    unit::expect_sound_heap();
  });
  blocks().recycle(block);
}

TEST(HeapForkThreads, ACallOfBoundedStepsLeavesTheRepairToOthers) {
  const unit::Counts before = unit::live_objects();
  Objects objects;
  unit::in_child([&] {
    void* object = reslab_malloc_nolock(260000, 0);
    reslab_free_nolock(object);
    EXPECT_EQ(fork_word(), kForkUnnoticed);
    reslab_free(reslab_malloc(260000));
    EXPECT_EQ(fork_word(), kForkSettled);
    objects.free_all();
    unit::expect_balance(before, {});
    unit::expect_sound_heap();
  });
}

// --- drains ------------------------------------------------------------------------------------------------------------

class Drain : public testing::Test {
 protected:
  static constexpr size_t kBytes = 144;
  static inline const ClassId kClass = class_of_size(kBytes);

  void SetUp() override {
    if (!in_rseq_mode() || !fence_available) GTEST_SKIP() << "no magazine is closed here";
    std::vector<void*> held;
    for (int i = 0; i < 300; ++i) held.push_back(reslab_malloc(kBytes));
    for (void* object : held) reslab_free(object);
    slot_ = slot_index();
  }
  std::atomic<uint64_t>& header() const { return header_word(slot_, kClass); }
  std::atomic<uint64_t>& saved() const { return class_slot(slot_, kClass).saved_header; }

  unit::Pinned pinned_{unit::allowed_cpus().front()};
  uint32_t slot_ = 0;
};

std::atomic<uint64_t>* closing;

// In a function of its own: nothing of its caller's is clobbered by the jump.
[[gnu::noinline]] void leave_trim_at(const char* place) {
  const support::Hook at(place, [](void*) {
    if (closing->load() == kClosedHeader) siglongjmp(back, 1);
  });
  if (sigsetjmp(back, 0) == 0) {
    reslab_trim(0);
    ADD_FAILURE() << "nothing was closed at " << place;
  }
}

TEST_F(Drain, WhatATrimThatWasLeftByAJumpHadClosedIsOpenAgainAfterTheNext) {
  closing = &header();
  for (const char* place : {"drain_closed", "drain_fenced", "drain_emptied"}) {
    const unit::Counts before = unit::live_objects();
    leave_trim_at(place);
    reslab_trim(0);
    EXPECT_NE(header_end(header()), 0u) << place;
    EXPECT_EQ(saved().load(), 0u) << place;
    unit::expect_balance(before, {});
    unit::expect_sound_heap();
    SetUp();
  }
}

TEST_F(Drain, TwoTrimsAtOnceDoNotDisturbEachOther) {
  struct Meeting {
    std::atomic<uint64_t>& header;
    std::atomic<uint64_t>& saved;
    bool met;
  } meeting = {header(), saved(), false};
  const unit::Counts before = unit::live_objects();
  const support::Hook at(
      "drain_closed",
      [](void* context) {
        Meeting& own = *static_cast<Meeting*>(context);
        if (own.met || own.header.load() != kClosedHeader) return;
        own.met = true;
        const uint64_t exact = own.saved.load();
        EXPECT_NE(exact, 0u);
        std::thread([] { reslab_trim(0); }).join();
        EXPECT_EQ(own.header.load(), kClosedHeader);
        EXPECT_EQ(own.saved.load(), exact) << "what a child after fork would go by";
      },
      &meeting);
  reslab_trim(0);
  EXPECT_TRUE(meeting.met);
  EXPECT_NE(header_end(header()), 0u);
  unit::expect_balance(before, {});
  unit::expect_sound_heap();
}

}  // namespace
}  // namespace reslab
