// SPDX-License-Identifier: Apache-2.0
// base: text without stdio, loops with an end, ids of threads, counters.
#include "base/text.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/counters.h"
#include "base/for_tries.h"
#include "base/thread_line.h"
#include "support/memory_file.h"

namespace reslab {
namespace {

TEST(Line, WritesTextAndNumbers) {
  Line line;
  line.text("a=").dec(0).text(" b=").dec(UINT64_MAX).text(" c=").hex(0xdeadbeef).text(" d=").ptr(nullptr);
  EXPECT_STREQ(line.c_str(), "a=0 b=18446744073709551615 c=0xdeadbeef d=0x0");
  EXPECT_EQ(line.length(), std::string(line.c_str()).size());
}

TEST(Line, CutsWhatDoesNotFitAndStillEndsTheLine) {
  const std::string piece(100, 'x');
  Line line;
  for (int i = 0; i < 10; ++i) line.text(piece.c_str());
  EXPECT_EQ(line.length(), 382u);
  const unit::MemoryFile file;
  line.write_to(file.fd());
  EXPECT_EQ(file.text(), std::string(382, 'x') + "\n");
}

TEST(Line, TakesPartOfAText) {
  Line line;
  line.text("abcdef", 3);
  EXPECT_STREQ(line.c_str(), "abc");
}

TEST(ForTries, EndsAfterExactlyThatManyRounds) {
  int rounds = 0;
  for ([[maybe_unused]] int left : for_tries(7)) ++rounds;
  EXPECT_EQ(rounds, 7);
  for ([[maybe_unused]] int left : for_tries(0)) ++rounds;
  EXPECT_EQ(rounds, 7);
}

TEST(ThreadLine, EveryThreadHasAnIdOfItsOwnThatIsNeverReused) {
  std::set<uint64_t> ids = {thread_id()};
  EXPECT_EQ(thread_id(), *ids.begin());
  EXPECT_NE(thread_id(), 0u);
  for (int i = 0; i < 200; ++i) {
    std::thread([&] { EXPECT_TRUE(ids.insert(thread_id()).second); }).join();
  }
  EXPECT_EQ(ids.size(), 201u);
}

TEST(Counters, SumsWhatAllThreadsAdded) {
  Counters own = {};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&own] {
      for (int n = 0; n < 10000; ++n) own.add(Counter::kFlushes, 3);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(own.sum(Counter::kFlushes), 120000u);
  EXPECT_EQ(own.sum(Counter::kRefills), 0u);
}

}  // namespace
}  // namespace reslab
