// SPDX-License-Identifier: Apache-2.0
#include "walk.h"

#include <signal.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "failure.h"
#include "traced_process.h"

namespace progress {

using namespace support;

namespace {

constexpr size_t kPlacesEach = 5;         // of an operation, in the quick form, beside its hooks
constexpr size_t kSectionPlacesEach = 2;  // and of these, inside of sections where it has some
constexpr int kVisitsOfHook = 2;          // in the quick form: some are not on the way each time
constexpr int kTries = 3;                 // for a place that was missed: a preemption aborts a section on the way there
constexpr double kMostMissed = 0.1, kMissedAnyway = 3;         // a share of the places, and a few where there are few
constexpr size_t kMostSteps = 4'000, kMostLongSteps = 40'000;  // of an operation that is gone through by steps
constexpr size_t kStepsFromHook = 150;

template <class T>
void shuffle(std::vector<T>& things, Random& random) {
  for (size_t i = things.size(); i > 1; --i) std::swap(things[i - 1], things[random.below(i)]);
}

// Where a stopped thread that has just been called from the library goes on afterwards; 0: it was not called from
// there.
uintptr_t return_into_library(const Tracee& doer, const LibraryMap& map) {
  const uintptr_t address = doer.top_of_stack();
  return map.contains(address) ? address : 0;
}

}  // namespace

Walk::Walk(const Settings& settings, const Deed& deed, const Floor& floor, double share)
    : settings_(settings),
      deed_(deed),
      floor_(floor),
      share_(share),
      map_(LibraryMap::of("reslab_malloc")),
      random_(settings.seed) {
  signal(SIGPIPE, SIG_IGN);  // a process that failed has said why
  stay_on_one_cpu();
  share_findings();
}

bool Walk::is_chosen(const Operation& operation) const {
  if (settings_.operation != nullptr && strcmp(settings_.operation, operation.name) != 0) return false;
  const bool rseq = strcmp(settings_.mode, "rseq") == 0;
  if (operation.where == Where::kNewCpu) return rseq && has_another_cpu();
  return rseq || operation.where != Where::kUnregistered;
}

// Functions of libc that the library calls are run through: they are not the library's, and a memset is many steps.
// False: there was more than `most_steps`.
bool Walk::scout_from(const Operation& operation, uintptr_t from, size_t most_steps, std::vector<Place>& places) {
  TracedProcess process(operation, deed_);
  Tracee& doer = process.doer();
  std::map<uintptr_t, uint32_t> passes;
  bool in_library = from != 0;
  Stop stop = from != 0 ? doer.run_to(from) : doer.step();
  size_t steps = 0;
  for (; stop != Stop::kMarker && steps < most_steps; ++steps) {
    const uintptr_t pc = doer.pc();
    const bool was_in_library = in_library;
    in_library = map_.contains(pc);
    if (!in_library) {
      const uintptr_t back = was_in_library ? return_into_library(doer, map_) : 0;
      stop = back != 0 ? doer.run_to(back) : doer.step();
      in_library = back != 0;
      continue;
    }
    const uint32_t pass = ++passes[pc];
    places.push_back({pc, pass, from, nullptr});
    const CriticalSection* section = map_.section_entered_at(pc);
    std::vector<uintptr_t> inside;
    stop = section == nullptr ? doer.step() : doer.step_through_section(*section, inside);
    for (const uintptr_t at : inside) places.push_back({at, pass, from, section});
  }
  if (stop != Stop::kMarker) doer.run_to_marker();
  process.report(Message::kMissed);
  process.end();
  return steps < most_steps;
}

// Operations that walk over the whole heap have too many steps: of these the beginning, and what follows the first pass
// of each hook.
std::vector<Place> Walk::scout(const Operation& operation) {
  set_scene("%s, gone through by steps", operation.name);
  std::vector<Place> places;
  const bool whole = scout_from(operation, 0, settings_.quick() ? kMostSteps : kMostLongSteps, places);
  expect(!places.empty(), "the operation never came into the library");
  for (const HookSite& hook : map_.hooks()) {
    if (whole) break;
    const auto is_there = [&](const Place& place) { return place.pc == hook.nop; };
    if (std::none_of(places.begin(), places.end(), is_there)) scout_from(operation, hook.nop, kStepsFromHook, places);
  }
  for (const Place& place : places) instructions_seen_.insert(place.pc);
  return places;
}

void Walk::choose(const Operation& operation, const std::vector<Place>& places, std::vector<Visit>& visits) {
  std::vector<Place> order = places;
  shuffle(order, random_);
  if (!settings_.quick()) {
    for (const Place& place : order) visits.push_back({&operation, place});
    return;
  }
  size_t anywhere = 0, in_sections = 0;
  for (const Place& place : order) {
    const char* hook = map_.hook_at(place.pc);
    const bool new_hook = hook != nullptr && place.pass == 1 && hooks_chosen_[hook] < kVisitsOfHook;
    if (new_hook) ++hooks_chosen_[hook];
    const bool in_section = place.section != nullptr && in_sections < kSectionPlacesEach;
    if (in_section) ++in_sections;
    const bool by_chance = !in_section && anywhere < kPlacesEach;
    if (by_chance) ++anywhere;
    if (new_hook || in_section || by_chance) visits.push_back({&operation, place});
  }
}

// The first pass behind `from` may be at `from` itself, where the thread then already is.
Stop Walk::run_to(Tracee& doer, const Place& place) {
  const uintptr_t first = place.section != nullptr ? place.section->entry : place.pc;
  uint32_t left = place.pass;
  Stop stop = Stop::kBreakpoint;
  if (place.from != 0) stop = doer.run_to(place.from);
  if (place.from == first) --left;
  for (; left > 0 && stop == Stop::kBreakpoint; --left) stop = doer.run_to(first);
  if (stop == Stop::kBreakpoint && place.section != nullptr) stop = doer.run_to(place.pc);
  return stop;
}

bool Walk::visit(const Operation& operation, const Place& place) {
  const char* hook = map_.hook_at(place.pc);
  set_scene("%s, stopped at %s (%s%s, pass %u), seed %llu", operation.name, map_.name_of(place.pc).c_str(),
            place.section != nullptr ? "in a section"
            : hook != nullptr        ? "hook "
                                     : "an instruction",
            hook != nullptr ? hook : "", place.pass, static_cast<unsigned long long>(settings_.seed));
  findings->slowest_pace = 1e9;
  TracedProcess process(operation, deed_);
  Tracee& doer = process.doer();
  Stop stop = run_to(doer, place);
  const bool there = stop == Stop::kBreakpoint;
  process.report(there ? Message::kStopped : Message::kMissed);
  if (there && place.section != nullptr) {
    stop = doer.step();
    expect(operation.where == Where::kUnregistered || map_.section_around(doer.pc()) != place.section,
           "the section went on behind the stop");
  }
  if (stop != Stop::kMarker) doer.run_to_marker();
  process.end();
  slowest_pace_ = std::min(slowest_pace_, findings->slowest_pace);
  return there;
}

bool Walk::visit_again_if_missed(const Visit& visit) {
  for (int tries = 0; tries < kTries; ++tries) {
    if (this->visit(*visit.operation, visit.place)) return true;
  }
  return false;
}

// Each hook a few times, some are not on the way each time, and each operation; then all hooks; then each instruction
// in some operation; then in every operation; then its later passes.
Walk::Rank Walk::rank_of(const Visit& visit) {
  const Place& place = visit.place;
  if (place.pass > 1) return Rank::kLaterPass;
  const char* hook = map_.hook_at(place.pc);
  if (operations_chosen_.insert(visit.operation).second) return Rank::kLeast;
  if (hook != nullptr) return hooks_chosen_[hook]++ < kVisitsOfHook ? Rank::kLeast : Rank::kHook;
  return instructions_chosen_.insert(place.pc).second ? Rank::kNewInstruction : Rank::kFirstPass;
}

void Walk::put_in_order(std::vector<Visit>& visits) {
  shuffle(visits, random_);
  for (Visit& visit : visits) visit.rank = rank_of(visit);
  std::stable_sort(visits.begin(), visits.end(), [](const Visit& a, const Visit& b) { return a.rank < b.rank; });
}

void Walk::go(std::span<const Operation> operations) {
  using Clock = std::chrono::steady_clock;
  std::vector<Visit> visits;
  for (const Operation& operation : operations) {
    if (is_chosen(operation)) choose(operation, scout(operation), visits);
  }
  if (!settings_.quick()) put_in_order(visits);
  const auto begin = Clock::now();
  const std::chrono::duration<double> limit(settings_.quick() ? 1e9 : 60 * settings_.minutes * share_);
  for (const Visit& visit : visits) {
    if (visit.rank != Rank::kLeast && Clock::now() - begin > limit) break;
    ++visits_;
    if (!visit_again_if_missed(visit)) {
      ++missed_;
      continue;
    }
    if (visit.place.section != nullptr) ++in_sections_;
    instructions_visited_.insert(visit.place.pc);
    const char* hook = map_.hook_at(visit.place.pc);
    if (hook != nullptr) hooks_visited_.insert(hook);
  }
  require_coverage(visits.size());
}

void Walk::require_coverage(size_t wanted) {
  set_scene("the walk, seed %llu", static_cast<unsigned long long>(settings_.seed));
  settings_.log.line("%zu of %zu stops, %zu of them inside sections, %zu places not met again; %zu of %zu instructions",
                     visits_ - missed_, wanted, in_sections_, missed_, instructions_visited_.size(),
                     instructions_seen_.size());
  if (slowest_pace_ < 1e9)
    settings_.log.line("slowest pace of the others: %.2f of theirs without the stop", slowest_pace_);
  expect(visits_ > 0, "nothing was visited");
  expect(static_cast<double>(missed_) <= kMostMissed * static_cast<double>(visits_) + kMissedAnyway,
         "%zu of %zu places were not met again: the operations do not repeat", missed_, visits_);
  require_floor();
}

void Walk::require_floor() const {
  if (settings_.operation != nullptr) return;  // of one there is no telling
  const size_t least = settings_.quick() ? floor_.stopped_at : floor_.stopped_at_in_long_form;
  settings_.log.line("stopped at %zu distinct instructions, at least %zu are wanted; gone through %zu, at least %zu",
                     instructions_visited_.size(), least, instructions_seen_.size(), floor_.gone_through);
  expect(instructions_visited_.size() >= least, "the walk stopped at %zu distinct instructions, %zu are wanted",
         instructions_visited_.size(), least);
  expect(instructions_seen_.size() >= floor_.gone_through,
         "the operations go through %zu distinct instructions, %zu are wanted", instructions_seen_.size(),
         floor_.gone_through);
  if (!settings_.quick() || strcmp(settings_.mode, "rseq") != 0) return;
  expect(in_sections_ >= floor_.stops_in_sections, "%zu stops were inside sections, %zu are wanted", in_sections_,
         floor_.stops_in_sections);
}

void Walk::require_all_hooks() const {
  if (settings_.operation != nullptr) return;
  // What retires objects for libreslab-rcu has harnesses of its own (test/rcu).
  const auto is_of_rcu = [](const HookSite& hook) {
    return strncmp(hook.name, "retired_", 8) == 0 || strcmp(hook.name, "retire_by_bit") == 0;
  };
  static constexpr struct {
    const char *hook, *mode, *local_lock;  // nullptr: any
  } kOutOfReach[] = {
      {"fallback_pop", "rseq", nullptr},
      {"fallback_push", "rseq", nullptr},
      {"drain_closed", "fallback", nullptr},
      {"slab_take_one", "fallback", "try"},  // for whom a taken lock has sent away
      {"slab_take_one", "fallback", "always"},
      // One undisturbed thread with free memory: nobody is in its way, and nothing is short.
      {"retire_tail", nullptr, nullptr},  // under vm.overcommit_memory=2
      // Where a foreign mapping is in the way: test/unit/arena_limits_test.
      {"frontier_passes", nullptr, nullptr},
      {"frontier_passed", nullptr, nullptr},
      {"hole_mapped", nullptr, nullptr},
      {"homeward_split", nullptr,
       nullptr},                         // on several nodes: test/reentry's table of nodes, test/unit/cache_nodes_test
      {"block_mine", nullptr, nullptr},  // a block that a jump has left in hand: test/recovery
      // Groups and caches that are made, end, or come to their limit: test/unit/group_test and objects_cache_test.
      {"cache_claimed", nullptr, nullptr},
      {"cache_join", nullptr, nullptr},
      {"class_claimed", nullptr, nullptr},
      {"group_claimed", nullptr, nullptr},
      {"group_drained", nullptr, nullptr},
      {"group_limit", nullptr, nullptr},
      // Processes with debug modes: test/reentry interrupts them there.
      {"quarantine_keep", nullptr, nullptr},
      {"quarantine_leave", nullptr, nullptr},
      {"guard_claim", nullptr, nullptr},
      {"guard_claimed", nullptr, nullptr},
      {"guard_free", nullptr, nullptr},
      {"stack_claimed", nullptr, nullptr},
      {"revive_tail", nullptr, nullptr},
      {"tail_writable", nullptr, nullptr},
      {"lost_active", nullptr, nullptr},     // what another thread left
      {"active_emptied", nullptr, nullptr},  // and takes up again: test/schedules has all ways of it
      {"slab_purge", nullptr,
       nullptr},  // of a large class with hardly an object; test/unit/heap_memory_back goes there
      {"magazine_shrink", nullptr, nullptr},  // of another CPU, or at the ebb
      {"fork_repair", nullptr, nullptr},      // in a child: test/unit/heap_fork_threads_test.cc stops there
      {"fork_settle_unit", nullptr, nullptr},
      {"fork_units_settled", nullptr, nullptr},
      {"aside_freed", nullptr, nullptr},
      {"unit_rollback", nullptr, nullptr},
      {"unit_word_empty", nullptr, nullptr},
      {"block_make", nullptr, nullptr},  // the first thousand blocks were made before
      {"drain_restore", nullptr, nullptr},
      {"drain_fenced", "fallback", nullptr},
      {"retire_active", nullptr, nullptr},
      {"active_seen", nullptr, "never"},
      {"single_seen", "fallback", nullptr},
      {"slab_one_taken", "fallback", nullptr},
      {"slot_ready", "fallback", nullptr},
      {"fallback_popped", "rseq", nullptr},
      {"fallback_pushed", "rseq", nullptr},
      {"local_lock_try", nullptr, "never"},
      {"local_lock_take_over", nullptr, nullptr},
      {"root_made", nullptr, nullptr},  // first_call stops there
      {"root_adopt", nullptr, nullptr},
      {"root_adopted", nullptr, nullptr},
      {"local_lock_held", nullptr, "never"},
      {"local_lock_unlock", nullptr, "never"},
  };
  std::string unexpected;
  const auto same = [](const char* wanted, const char* is) { return wanted == nullptr || strcmp(wanted, is) == 0; };
  for (const HookSite& hook : map_.hooks()) {
    if (hooks_visited_.contains(hook.name) || is_of_rcu(hook)) continue;
    const bool reachable = std::none_of(std::begin(kOutOfReach), std::end(kOutOfReach), [&](const auto& one) {
      return strcmp(one.hook, hook.name) == 0 && same(one.mode, settings_.mode) &&
             same(one.local_lock, settings_.local_lock);
    });
    if (reachable) unexpected += std::string(" ") + hook.name;
  }
  expect(unexpected.empty(), "no operation passes the hooks%s", unexpected.c_str());
}

}  // namespace progress
