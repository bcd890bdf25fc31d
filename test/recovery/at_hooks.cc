// SPDX-License-Identifier: Apache-2.0
// Calls left by a jump at each hook point of the library in turn, many times: what a timer meets now and then is met
// here every time. Each hook has a process of its own, and the same must hold afterwards as for jumps anywhere. A hook
// that the calls below do not pass is a failure, unless unpassed.cc says why.
#include <reslab/reslab.h>
#include <setjmp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>

#include "aftermath.h"
#include "failure.h"
#include "heir.h"
#include "hooks.h"
#include "random.h"
#include "unpassed.h"

namespace {

using namespace progress;
using namespace support;

constexpr int kLeastRounds = 60, kMostRounds = 2'000;  // at a hook; the long form has as many as its time allows
constexpr int kMostRoundsLosingSlabs = 300;
constexpr unsigned kMostSeconds = 60;  // beyond that
constexpr size_t kObjects = 3'000;
constexpr size_t kRunBytes = 300'000, kLargestRunBytes = 20'000'000;
constexpr uint64_t kMostRunUnits = (kLargestRunBytes + 65'535) / 65'536;

unsigned long long shown(uint64_t number) { return number; }

sigjmp_buf back;
bool armed;
bool leaves_trim;
uint64_t jumps;

// On the stack of the interrupted call, as a handler would be.
void leave(void*) {
  if (!armed) return;
  armed = false;
  ++jumps;
  siglongjmp(back, 1);
}

// --- calls that between them pass the hooks --------------------------------------------------------------------------

void* objects[kObjects];
size_t held;

void allocate(size_t count, size_t bytes) {
  while (held < count) {
    void* object = reslab_malloc(bytes);
    expect(object != nullptr, "an allocation failed");
    *static_cast<void* volatile*>(object) = object;
    objects[held] = object;
    held = held + 1;
  }
}

// An object is out of the array before it is freed: if its free never returns, it is gone.
void release(void (*free_one)(void*), size_t keep) {
  while (held > keep) {
    held = held - 1;
    void* object = objects[held];
    expect(*static_cast<void* volatile*>(object) == object, "object %p was overwritten", object);
    free_one(object);
  }
}

void pass_hooks(uint64_t random) {
  const size_t bytes = random & 1 ? 192 : 1024;
  allocate(random >> 1 & 1 ? 2'000 : 700, bytes);
  release(reslab_free, 600);
  release(reslab_free_nolock, 300);
  allocate(900, bytes);
  if (random >> 2 & 1) reslab_flush_deferred();
  release(reslab_free, 0);
  allocate(12, kRunBytes);
  release(reslab_free, 0);
  allocate(4, kLargestRunBytes);
  release(reslab_free, 0);
  if (!leaves_trim) armed = false;
  reslab_trim(0);
}

// --- a hook ----------------------------------------------------------------------------------------------------------

[[gnu::noinline]] void leave_once(Random& random) {
  if (sigsetjmp(back, 0) == 0) {
    armed = true;
    pass_hooks(random.next());
  }
  armed = false;
}

// A slab that was marked as listed and never came to its list is found by nobody (below). Hundreds of them, all of
// whose objects are free in time, make their class look sparse.
int most_rounds_at(const std::string& hook) { return hook == "slab_listed" ? kMostRoundsLosingSlabs : kMostRounds; }

int leave_for(double seconds, int most_rounds, Random& random) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  int round = 0;
  const auto goes_on = [&] { return jumps > 0 && round < most_rounds && Clock::now() < end; };
  for (; round < kLeastRounds || goes_on(); ++round) leave_once(random);
  return round;
}

[[noreturn]] void jump_at(const Settings& settings, const std::string& hook, double seconds) {
  limit_time(kMostSeconds + static_cast<unsigned>(seconds));
  Random random(settings.seed);
  for (int i = 0; i < 8; ++i) pass_hooks(random.next());
  static recovery::Aftermath aftermath(settings);
  // A trim may be left, too: its thread's next one finishes what it was draining. But not where a slab is marked as
  // listed and not yet on its list: nothing but the repair after a fork finds it again. Out of a trim that is a slab
  // with all its objects free, and dozens of them make their class look sparse, whose caches stay small then.
  leaves_trim = hook != "slab_listed";
  {
    const support::Hook at(hook.c_str(), leave);
    set_stage("calls are left by jumps");
    const int rounds = leave_for(seconds, most_rounds_at(hook), random);
    release(reslab_free, 0);
    if (jumps > 0) settings.log.line("%s: left %llu times in %d rounds", hook.c_str(), shown(jumps), rounds);
  }
  // A round that came to its end never passed there: the mode, or the form of the calls, does not lead to it.
  const bool has_slab = hook.starts_with("slab_");
  const bool has_units = hook.starts_with("unit_") || hook.starts_with("run_") || hook == "purge" || hook == "frontier";
  if (jumps > 0) {
    aftermath.expect_recovered({.fast = jumps,
                                .slow = jumps,
                                .with_slab = has_slab ? jumps : 0,
                                .with_units = has_units ? jumps : 0,
                                .run_units = has_units ? kMostRunUnits * jumps : 0});
  }
  _exit(jumps > 0 ? 0 : 77);
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = read_settings(argc, argv, "jumps out of the library at each of its hook points");
  require(settings);
  if (settings.operation == nullptr) recovery::expect_reasons_for_hooks();
  size_t passed = 0, unpassed = 0;
  const auto hooks = support::hook_names();
  const double share = 60 * settings.minutes / static_cast<double>(settings.operation != nullptr ? 1 : hooks.size());
  for (const std::string& hook : hooks) {
    if (settings.operation != nullptr && hook != settings.operation) continue;
    set_scene("left at hook %s, seed %llu", hook.c_str(), static_cast<unsigned long long>(settings.seed));
    const pid_t process = fork();
    expect(process >= 0, "fork: %s", strerrordesc_np(errno));
    if (process == 0) jump_at(settings, hook, share);
    int status = 0;
    waitpid(process, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
      const char* why = recovery::why_unpassed(settings, hook.c_str());
      expect(why != nullptr, "it is not passed");
      ++unpassed;
      continue;
    }
    expect(status == 0, "the process failed, wait status %#x", static_cast<unsigned>(status));
    ++passed;
  }
  set_scene("seed %llu", static_cast<unsigned long long>(settings.seed));
  settings.log.line("ok, %zu hooks, %zu others for which there are reasons, seed %llu", passed, unpassed,
                    static_cast<unsigned long long>(settings.seed));
}
