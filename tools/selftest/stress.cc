// SPDX-License-Identifier: Apache-2.0
#include "selftest/stress.h"

#include <algorithm>

#include "platform/fast_path.h"
#include "platform/rseq.h"

namespace reslab::selftest {
namespace {

constexpr uint32_t kClass = 1;
constexpr uint32_t kBegin = kFirstArray + 1;
constexpr uint32_t kRoom = 40000;  // tokens, and slots of each magazine: all may meet in one
constexpr uint32_t kFew = 8;
constexpr uint32_t kTries = 1000000;
static_assert(kBegin + kRoom <= kArraysEnd);

}  // namespace

Stress::Stress(const CpuSetup& setup)
    : regions_(setup), each_(std::clamp(kRoom / setup.slots, 1u, kBatch)), owned_(size_t{each_} * setup.slots) {
  if (is_ready()) fill();
}

void Stress::fill() {
  uintptr_t number = 0;
  for (uint32_t slot = 0; slot < regions_.slots(); ++slot) {
    for (uint32_t i = 0; i < each_; ++i) {
      regions_.words(slot)[kBegin + i] = reinterpret_cast<uint64_t>(token(number++));
    }
    // The threads that will see it are started afterwards.
    regions_.header(slot, kClass).store(header_of(kBegin + each_, kBegin + kRoom), std::memory_order_relaxed);
  }
}

void Stress::take_and_put_back(uint32_t most) {
  void* hand[kBatch];
  put_back(hand, take(hand, most));
}

// A few, not all: most of the time is to be spent in sections. Those that were on top, which an interrupter would take.
void Stress::own_and_put_back(uint32_t most) {
  void* hand[kBatch];
  const uint32_t taken = take(hand, most);
  const uint32_t few = std::min(taken, kFew);
  void** top = hand + taken - few;
  own(top, few);
  disown(top, few);
  put_back(hand, taken);
}

void Stress::take_or_put_back(Hand& hand) {
  if (hand.count == 0) {
    hand.count = take(hand.tokens, Hand::kMost);
    own(hand.tokens, hand.count);
  } else {
    disown(hand.tokens, hand.count);
    put_back(hand.tokens, hand.count);
    hand.count = 0;
  }
}

uint32_t Stress::take(void** hand, uint32_t most) {
  const BatchResult taken = section_pop_batch(kClass, kBegin, hand, most);
  if (taken.section == Section::kAborted) count(aborts_, 1);
  if (taken.count <= most) return taken.count;
  count(impossible_, 1);
  return 0;
}

void Stress::put_back(void** hand, uint32_t n) {
  uint32_t put = 0;
  for (uint32_t tries = 0; put < n && tries < kTries; ++tries) {  // aborts come from outside, and end before the tries
    const BatchResult result = section_push_batch(kClass, hand + put, n - put);
    if (result.section == Section::kAborted) {
      count(aborts_, 1);
      continue;
    }
    if (result.section != Section::kDone || result.count > n - put) break;
    put += result.count;
  }
  count(not_put_back_, n - put);
}

// Acquire and release: what one owner did is over before the next one begins.
void Stress::own(void* const* tokens, uint32_t n) {
  for (uint32_t i = 0; i < n; ++i) {
    const uintptr_t number = token_number(tokens[i]);
    if (number >= owned_.size()) {
      count(impossible_, 1);
    } else if (owned_[number].exchange(1, std::memory_order_acquire) != 0) {
      count(owned_twice_, 1);
    }
  }
}

void Stress::disown(void* const* tokens, uint32_t n) {
  for (uint32_t i = 0; i < n; ++i) {
    const uintptr_t number = token_number(tokens[i]);
    if (number < owned_.size()) owned_[number].store(0, std::memory_order_release);
  }
}

Damage Stress::count_tokens() const {
  Damage damage = {0, owned_twice_.load(std::memory_order_relaxed), impossible_.load(std::memory_order_relaxed),
                   not_put_back_.load(std::memory_order_relaxed)};
  std::vector<uint64_t> seen(owned_.size(), 0);
  for (uint32_t slot = 0; slot < regions_.slots(); ++slot) {
    const uint32_t top = header_top(regions_.header(slot, kClass).load(std::memory_order_relaxed));
    if (top < kBegin || top > kBegin + kRoom) {
      ++damage.impossible;
      continue;
    }
    for (uint32_t i = kBegin; i < top; ++i) {
      const uintptr_t number = token_number(reinterpret_cast<void*>(regions_.words(slot)[i]));
      if (number < seen.size()) {
        ++seen[number];
      } else {
        ++damage.impossible;
      }
    }
  }
  for (const uint64_t times : seen) {
    if (times == 0) ++damage.lost;
    if (times > 1) ++damage.twice;
  }
  return damage;
}

}  // namespace reslab::selftest
