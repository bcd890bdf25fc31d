// SPDX-License-Identifier: Apache-2.0
// heap/check: each rule, broken on purpose in the caches: magazines, blocks, deferred lists (C1 to C3). The audit names
// the rule, nothing else, and is content again after the repair.
#include "heap/check.h"

#include <gtest/gtest.h>

#include <cstring>

#include "support/corruption.h"

namespace reslab {
namespace {

class HeapCheck : public unit::Corruption {};

// --- C1: magazines ------------------------------------------------------------------------------------------------------

TEST_F(HeapCheck, C1FindsAHeaderWhoseTopIsOutOfRange) {
  const uint32_t end = header_end(header().load());
  expect_found(header(), header_of(info().begin + info().magazine + 1, end), "C1");
  expect_found(header(), header_of(info().begin - 1, end), "C1");
}

TEST_F(HeapCheck, C1FindsAHeaderWhoseEndIsOutOfRange) {
  expect_found(header(), header_of(header_top(header().load()), info().begin + info().magazine + 1), "C1");
}

TEST_F(HeapCheck, C1FindsAWordBelowTheMagazineThatIsNotNull) {
  expect_found(word(info().begin - 1), top_word()->load(), "C1");
}

TEST_F(HeapCheck, C1FindsTheRegionsLastWordNotNull) {
  expect_found(word(kRegionBytes / 8 - 1), top_word()->load(), "C1");
}

TEST_F(HeapCheck, C1FindsAnObjectOfAnotherClassInAMagazine) {
  void* other = unit::opaque(reslab_malloc(500));
  expect_found(*top_word(), other, "C1");
  reslab_free(other);
}

TEST_F(HeapCheck, C1FindsAnAddressInsideAnObjectInAMagazine) {
  expect_found(*top_word(), static_cast<char*>(top_word()->load()) + 16, "C1");
}

TEST_F(HeapCheck, C1FindsAForeignAddressInAMagazine) {
  int foreign = 0;
  expect_found(*top_word(), &foreign, "C1");
}

TEST_F(HeapCheck, C1FindsTheUnusedTailOfASlabInAMagazine) {
  char* slab = unit_address(place_of(top_word()->load()).unit);
  expect_found(*top_word(), slab + size_t{info().capacity} * info().object_bytes, "C1");
}

// --- C2: every object in one place ---------------------------------------------------------------------------------------

TEST_F(HeapCheck, C2FindsACachedObjectWhoseFreeBitIsSet) {
  void* cached = top_word()->load();
  const auto [bits, bit] = bit_of(cached);
  set_bit(bits, bit, place_of(cached).unit);
  expect_only("C2");
  clear_bit(bits, bit, place_of(cached).unit);
  unit::expect_sound_heap();
}

TEST_F(HeapCheck, C2FindsAnObjectTwiceInAMagazine) {
  std::atomic<void*>* below = top_word() - 1;
  ASSERT_NE(below->load(), nullptr);
  expect_found(*top_word(), below->load(), "C2");
}

TEST_F(HeapCheck, C2FindsAnObjectInAMagazineAndInABlock) {
  const uint32_t block = make_block();
  void* kept = std::exchange(blocks().slots(block)[0], top_word()->load());
  expect_only("C2");
  blocks().slots(block)[0] = kept;
  unit::expect_sound_heap();
  unmake_block(block);
}

TEST_F(HeapCheck, C2FindsAnObjectInHandThatIsFreeInItsSlab) {
  const uint32_t block = make_block();
  void* in_hand = blocks().slots(block)[0];
  const auto [bits, bit] = bit_of(in_hand);
  set_bit(bits, bit, place_of(in_hand).unit);
  expect_only("C2");
  clear_bit(bits, bit, place_of(in_hand).unit);
  unit::expect_sound_heap();
  unmake_block(block);
}

TEST_F(HeapCheck, C2FindsAnObjectTwiceOnADeferredList) {
  DeferredList& list = cpu_state(slot()).deferred;
  void* object = take_live();
  ASSERT_TRUE(list.push(object));
  unit::expect_sound_heap();
  alignas(DeferredList) char kept_list[sizeof list];
  uint64_t kept_link;
  memcpy(kept_list, &list, sizeof list);
  memcpy(&kept_link, object, sizeof kept_link);
  ASSERT_TRUE(list.push(object));  // now it is linked to itself: the walk ends all the same
  expect_only("C2");
  memcpy(static_cast<void*>(&list), kept_list, sizeof list);
  memcpy(object, &kept_link, sizeof kept_link);
  unit::expect_sound_heap();
  EXPECT_EQ(list.pop(), object);
  keep(object);
}

TEST_F(HeapCheck, C2FindsAnObjectOnADeferredListAndInAMagazine) {
  DeferredList& list = cpu_state(slot()).deferred;
  void* cached = top_word()->load();
  ASSERT_TRUE(list.push(cached));
  expect_only("C2");
  EXPECT_EQ(list.pop(), cached);
  unit::expect_sound_heap();
}

TEST_F(HeapCheck, C2FindsADeferredListWhoseLinkWasOverwritten) {
  DeferredList& list = cpu_state(slot()).deferred;
  void* object = take_live();
  ASSERT_TRUE(list.push(object));
  uint64_t kept;
  memcpy(&kept, object, sizeof kept);
  memset(object, 0x41, sizeof kept);
  expect_only("C2");
  memcpy(object, &kept, sizeof kept);
  unit::expect_sound_heap();
  EXPECT_EQ(list.pop(), object);
  keep(object);
}

// --- C3: blocks ----------------------------------------------------------------------------------------------------------

TEST_F(HeapCheck, C3FindsABlockOnTwoStacks) {
  const uint32_t block = make_block();
  ASSERT_TRUE(depot().put(kSmall, 0, block));
  const uint32_t kept = blocks().header(block).next.load();
  ASSERT_TRUE(blocks().pooled().push(block, blocks().next_of()));
  expect_only("C3");
  EXPECT_EQ(blocks().pooled().pop(blocks().next_of()), block);
  blocks().header(block).next.store(kept);
  unit::expect_sound_heap();
  EXPECT_EQ(depot().take(kSmall, 0), block);
  unmake_block(block);
}

TEST_F(HeapCheck, C3FindsABlockOfTheDepotThatSaysItIsElsewhere) {
  const uint32_t block = make_block();
  ASSERT_TRUE(depot().put(kSmall, 0, block));
  for (const BlockState wrong : {BlockState::kInHand, BlockState::kPooled}) {
    blocks().set_state(block, wrong, kSmall);
    expect_only("C3");
  }
  blocks().set_state(block, BlockState::kInDepot, kSmall);
  unit::expect_sound_heap();
  EXPECT_EQ(depot().take(kSmall, 0), block);
  unmake_block(block);
}

TEST_F(HeapCheck, C3FindsABlockOfTheDepotThatIsOnNoStack) {
  const uint32_t block = make_block();
  ASSERT_TRUE(depot().put(kSmall, 0, block));
  TaggedStack& full = depot().of(kSmall).full;
  ASSERT_EQ(full.pop(blocks().next_of()), block);
  expect_only("C3");
  ASSERT_TRUE(full.push(block, blocks().next_of()));
  unit::expect_sound_heap();
  EXPECT_EQ(depot().take(kSmall, 0), block);
  unmake_block(block);
}

TEST_F(HeapCheck, C3FindsABlockThatCountsMoreThanItHolds) {
  const uint32_t block = make_block();
  expect_found(blocks().header(block).count, kBlockObjects + 1, "C3");
  unmake_block(block);
  expect_found(blocks().header(block).count, 1, "C3");  // pooled by now: it holds nothing
}

}  // namespace
}  // namespace reslab
