// SPDX-License-Identifier: Apache-2.0
// Handlers that leave by siglongjmp, out of malloc and free, a million times (lesson 26), and in the quick form twenty
// thousand times. Afterwards nothing is locked, and no more is lost than one object for each jump out of a fast path
// and one block for each out of a slow path; of large blocks, only what a call was about that was left.
//
// It jumps until it has jumped so often: on a busy machine that takes longer, and is not less.
#include <chrono>
#include <thread>

#include "aftermath.h"
#include "failure.h"

namespace {

using namespace progress;
using namespace support;
using recovery::Jumps;

constexpr uint64_t kQuickJumps = 20'000, kLongJumps = 1'000'000;
constexpr unsigned kQuickLimit = 150,
                   kLongLimit = 1'500;  // seconds: some ten times what they take on two CPUs of their own
constexpr size_t kJumpers = 2;

Jumps jump(const Settings& settings, const LibraryMap& library) {
  const uint64_t least = settings.quick() ? kQuickJumps : kLongJumps;
  Jumps of[kJumpers] = {};
  std::thread jumpers[kJumpers];
  for (size_t i = 0; i < kJumpers; ++i) {
    jumpers[i] = std::thread(
        [&, i] { of[i] = recovery::jump_about(library, settings.seed * 1000 + i, least, 60 * settings.minutes); });
  }
  for (std::thread& jumper : jumpers) jumper.join();
  Jumps all = {};
  for (const Jumps& one : of) all.fast += one.fast, all.slow += one.slow, all.run_units += one.run_units;
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = read_settings(argc, argv, "jumps out of handlers that interrupted malloc and free");
  require(settings);
  set_scene("seed %llu", static_cast<unsigned long long>(settings.seed));
  limit_time(settings.quick() ? kQuickLimit : kLongLimit + static_cast<unsigned>(60 * settings.minutes));
  const LibraryMap library = LibraryMap::of("reslab_malloc");
  std::thread([] {}).join();  // what libc keeps for threads that have ended
  static recovery::Aftermath aftermath(settings);

  set_stage("threads jump");
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const Jumps jumps = jump(settings, library);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  settings.log.line("%llu jumps in %.0f seconds", static_cast<unsigned long long>(jumps.all()), seconds);
  aftermath.expect_recovered(jumps);
  settings.log.line("ok, seed %llu", static_cast<unsigned long long>(settings.seed));
}
