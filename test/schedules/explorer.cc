// SPDX-License-Identifier: Apache-2.0
#include "explorer.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "scheduler.h"

namespace schedules {
namespace {

bool can_go_on(const Decision& at) { return at.thread != kNobody && (at.enabled >> at.thread & 1) != 0; }
bool is_preemption(const Decision& at, uint8_t choice) { return can_go_on(at) && choice != at.thread; }

std::string stop_name(const Decision& at) {
  std::string name;
  if (at.thread != kNobody) name.append(std::to_string(at.thread)).append("@");
  return name.append(point_name(at.point));
}

// Up to and including the stop at which the last choice is made, but for that choice.
uint32_t number_of_stops(const Record& record, uint32_t last) {
  uint64_t hash = 3;
  for (uint32_t i = 0; i <= last; ++i) {
    const Decision& at = record.decisions[i];
    const uint8_t chosen = i < last ? at.chosen : 0;
    hash = mix(hash, static_cast<uint64_t>(at.thread << 24 | at.point << 16 | at.enabled << 8 | chosen));
  }
  return static_cast<uint32_t>(hash);
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return number == SIGALRM ? "a hang" : std::string("killed by SIG").append(sigabbrev_np(number));
  }
  return std::string("exit status ").append(std::to_string(WEXITSTATUS(status)));
}

void* shared_memory(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) abort();
  return memory;
}

}  // namespace

Explorer::Explorer(const Case& explored, const Settings& settings)
    : case_(explored),
      settings_(settings),
      record_(static_cast<Record*>(shared_memory(sizeof(Record)))),
      states_(StateSet::make()),
      waiting_(static_cast<Waiting*>(shared_memory(sizeof(Waiting)))) {}

Explorer::~Explorer() {
  munmap(record_, sizeof(Record));
  munmap(waiting_, sizeof(Waiting));
  StateSet::destroy(states_);
}

void Explorer::clear_record() {
  record_->prefix_length = 0;
  record_->deviation_count = 0;
  record_->seed = 0;
  record_->lookup = Lookup::kNowhere;
}

// False: it has failed.
bool Explorer::play_one(Summary& summary) {
  record_->length = 0;
  record_->merged = false;
  record_->is_at_end = false;
  record_->violation[0] = '\0';
  const pid_t child = _Fork();  // without handlers: it is to be as if nothing had happened
  if (child == 0) {
    play(*record_, *states_);
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    summary.failure = "no child to play the schedule in";
    return false;
  }
  if (status != 0) {
    summary.failure = describe(record_->violation[0] != '\0' ? record_->violation : how_it_ended(status));
    return false;
  }
  return note(summary);
}

bool Explorer::note(Summary& summary) {
  ++summary.schedules;
  summary.merged += record_->merged ? 1 : 0;
  summary.states = states_->count();
  summary.deepest = std::max(summary.deepest, record_->length);
  if (record_->is_at_end && !record_->merged && record_->lookup != Lookup::kNowhere) {
    ++summary.ends;
    summary.end_sum += record_->end_state;
  }
  for (uint32_t i = 0; i < record_->length; ++i) passed_[record_->decisions[i].point] = true;
  if (states_->is_full()) summary.failure = "more states than there is room for";
  return summary.failure.empty();
}

void Explorer::require_passes(Summary& summary) const {
  for (const char* name : case_.passes) {
    bool found = name == nullptr;
    for (uint8_t point = 0; !found && point < kInSection; ++point) found = passed_[point] && point_name(point) == name;
    if (!found) summary.failure = std::string("no schedule passes the hook '").append(name).append("'");
  }
}

// Stops before the last deviation have had their turn. False: no room.
bool Explorer::add_alternatives(const Start& start, unsigned preemptions, unsigned bound) {
  for (uint32_t i = start.count == 0 ? 0 : start.deviations[start.count - 1].stop + 1u; i < record_->length; ++i) {
    const Decision& at = record_->decisions[i];
    const unsigned then = preemptions + (can_go_on(at) ? 1 : 0);
    if (then > bound) continue;
    Start other = start;
    if (start.count == kMostDeviations) abort();  // three threads end, start, and are preempted a few times
    other.common = number_of_stops(*record_, i);
    for (uint8_t choice = 0; choice < kMostThreads; ++choice) {
      if (choice == at.chosen || (at.enabled >> choice & 1) == 0) continue;
      other.count = static_cast<uint8_t>(start.count + 1);
      other.deviations[start.count] = {static_cast<uint16_t>(i), choice};
      if (waiting_->count[then] == kMostWaiting) return false;
      waiting_->starts[then][waiting_->count[then]++] = other;
    }
  }
  return true;
}

bool Explorer::play_from(const Start& start, unsigned preemptions, unsigned bound, Summary& summary) {
  record_->deviation_count = start.count;
  std::copy(start.deviations, start.deviations + start.count, record_->deviations);
  record_->lookup = !merging_ ? Lookup::kOnlyAtEnds : preemptions < bound ? Lookup::kEverywhere : Lookup::kAtSwitches;
  if (!play_one(summary)) return false;
  // The same choices must lead to the same stops, or not all schedules are played, whatever the count says.
  const uint32_t last = start.count == 0 ? 0 : start.deviations[start.count - 1].stop;
  if (start.count > 0 && (record_->length <= last || number_of_stops(*record_, last) != start.common)) {
    summary.failure = describe("the same choices have led to other stops: the case is not deterministic");
    return false;
  }
  if (!add_alternatives(start, preemptions, bound)) summary.failure = "more schedules wait than there is room for";
  return summary.failure.empty();
}

Summary Explorer::explore(unsigned bound, Clock::time_point deadline, bool merging) {
  Summary summary;
  clear_record();
  states_->clear();
  merging_ = merging;
  bound = std::min(bound, kMostPreemptions);
  std::fill(std::begin(waiting_->count), std::end(waiting_->count), 0);
  waiting_->starts[0][waiting_->count[0]++] = {};
  for (unsigned preemptions = 0; preemptions <= bound; ++preemptions) {
    while (waiting_->count[preemptions] > 0) {
      if (Clock::now() >= deadline) return summary;
      const Start next = waiting_->starts[preemptions][--waiting_->count[preemptions]];
      if (!play_from(next, preemptions, bound, summary)) return summary;
    }
    summary.reached = preemptions;
  }
  summary.exhausted = true;
  if (bound > 0) require_passes(summary);
  return summary;
}

Summary Explorer::roam(uint64_t seed, Clock::time_point deadline) {
  Summary summary;
  clear_record();
  do {
    record_->seed = seed++ * 0x9e3779b97f4a7c15 | 1;
    record_->switches_in_1024 = 32u << (record_->seed >> 62);  // 32 to 256
    if (!play_one(summary)) break;
  } while (Clock::now() < deadline);
  return summary;
}

Summary Explorer::replay(const std::string& choices) {
  Summary summary;
  clear_record();
  record_->prefix_length = static_cast<uint32_t>(std::min<size_t>(choices.size(), kMostDecisions));
  for (uint32_t i = 0; i < record_->prefix_length; ++i) record_->prefix[i] = static_cast<uint8_t>(choices[i] - '0');
  play_one(summary);
  for (uint32_t i = 0; i < record_->length; ++i) {
    const Decision& at = record_->decisions[i];
    printf("%4u  %-28s -> %u%s\n", i, stop_name(at).c_str(), at.chosen,
           is_preemption(at, at.chosen) ? "  preempted" : "");
  }
  return summary;
}

// The switches of the schedule in words, and all its choices for --replay.
std::string Explorer::describe(const std::string& what) const {
  std::string words = what;
  words.append("\n  schedule:");
  std::string choices;
  for (uint32_t i = 0; i < record_->length; ++i) {
    const Decision& at = record_->decisions[i];
    choices += static_cast<char>('0' + at.chosen);
    if (at.chosen != at.thread) words.append(" ").append(stop_name(at)).append("->").append(std::to_string(at.chosen));
  }
  if (record_->length > 0) words.append("; last stop ").append(stop_name(record_->decisions[record_->length - 1]));
  words.append("\n  again: --case ").append(case_.name);
  words.append(" --threads ").append(std::to_string(settings_.threads));
  words.append(" --repeat ").append(std::to_string(settings_.repeat));
  return words.append(" --replay ").append(choices);
}

}  // namespace schedules
