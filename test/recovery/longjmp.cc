// SPDX-License-Identifier: Apache-2.0
// Handlers that leave by siglongjmp, out of malloc and free, tens of thousands of times (lesson 26). Afterwards nothing is
// locked, and no more is lost than one object for each jump out of a fast path and one block for each out of a slow path.
#include <thread>

#include "aftermath.h"
#include "failure.h"

namespace {

using namespace progress;
using namespace support;
using recovery::Jumps;

constexpr uint64_t kQuickJumps = 50'000, kLongJumps = 1'000'000;
constexpr uint64_t kLeastShare = 5;  // of these, on a machine with much else to do: one in
constexpr double kQuickSeconds = 12;
constexpr size_t kJumpers = 2;

Jumps jump(const Settings& settings, const LibraryMap& library, uint64_t most) {
  const double seconds = settings.quick() ? kQuickSeconds : 60 * settings.minutes;
  Jumps of[kJumpers] = {};
  std::thread jumpers[kJumpers];
  for (size_t i = 0; i < kJumpers; ++i) {
    jumpers[i] =
        std::thread([&, i] { of[i] = recovery::jump_about(library, settings.seed * 1000 + i, most, seconds); });
  }
  for (std::thread& jumper : jumpers) jumper.join();
  Jumps all = {};
  for (const Jumps& one : of) all.fast += one.fast, all.slow += one.slow;
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = read_settings(argc, argv, "jumps out of handlers that interrupted malloc and free");
  require(settings);
  set_scene("seed %llu", static_cast<unsigned long long>(settings.seed));
  limit_time(static_cast<unsigned>(60 + 60 * settings.minutes));
  const LibraryMap library = LibraryMap::of("reslab_malloc");
  std::thread([] {}).join();  // what libc keeps for threads that have ended
  static recovery::Aftermath aftermath(settings);

  set_stage("threads jump");
  const uint64_t most = settings.quick() ? kQuickJumps : kLongJumps;
  const Jumps jumps = jump(settings, library, most);
  expect(jumps.all() >= most / kLeastShare, "only %llu jumps in the time",
         static_cast<unsigned long long>(jumps.all()));
  aftermath.expect_recovered(jumps);
  settings.log.line("ok, seed %llu", static_cast<unsigned long long>(settings.seed));
}
