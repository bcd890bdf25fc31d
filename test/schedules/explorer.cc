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

// The choices at a stop in their order: whoever is running, then the others by number. kNobody: there is no further
// one.
uint8_t choice_after(const Decision& at) {
  const uint8_t first = can_go_on(at) ? at.thread : static_cast<uint8_t>(__builtin_ctz(at.enabled));
  for (int next = at.chosen == first ? 0 : at.chosen + 1; next < kMostThreads; ++next) {
    if (next != first && (at.enabled >> next & 1) != 0) return static_cast<uint8_t>(next);
  }
  return kNobody;
}

std::string stop_name(const Decision& at) {
  std::string name;
  if (at.thread != kNobody) name.append(std::to_string(at.thread)).append("@");
  return name.append(point_name(at.point));
}

uint64_t hash_of(const Record& record) {  // FNV-1a
  uint64_t hash = 0xcbf29ce484222325;
  const auto* bytes = reinterpret_cast<const unsigned char*>(record.decisions);
  for (size_t i = 0; i < record.length * sizeof(Decision); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash;
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return number == SIGALRM ? "a hang" : std::string("killed by SIG").append(sigabbrev_np(number));
  }
  return std::string("exit status ").append(std::to_string(WEXITSTATUS(status)));
}

}  // namespace

Explorer::Explorer(const Case& explored, const Settings& settings) : case_(explored), settings_(settings) {
  void* shared = mmap(nullptr, sizeof(Record), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) abort();
  record_ = static_cast<Record*>(shared);
}

Explorer::~Explorer() { munmap(record_, sizeof(Record)); }

// False: it has failed.
bool Explorer::play_one(Summary& summary) {
  record_->length = 0;
  record_->violation[0] = '\0';
  const pid_t child = fork();
  if (child == 0) {
    play(case_, settings_, *record_);
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    summary.failure = "no child to play the schedule in";
    return false;
  }
  note(summary);
  if (status != 0) {
    summary.failure = describe(record_->violation[0] != '\0' ? record_->violation : how_it_ended(status));
    return false;
  }
  return true;
}

void Explorer::note(Summary& summary) {
  ++summary.schedules;
  summary.deepest = std::max(summary.deepest, record_->length);
  for (uint32_t i = 0; i < record_->length; ++i) {
    if (!is_preemption(record_->decisions[i], record_->decisions[i].chosen)) continue;
    ++summary.preempted;
    break;
  }
  traces_.push_back(hash_of(*record_));
}

// The same choices must lead to the same stops, or not all schedules are played, whatever the count says.
bool Explorer::same_so_far() const {
  const size_t n = expected_.size();
  if (n == 0) return true;
  if (record_->length < n || !std::equal(expected_.begin(), expected_.end() - 1, record_->decisions)) return false;
  const Decision &was = expected_[n - 1], &is = record_->decisions[n - 1];
  return was.thread == is.thread && was.point == is.point && was.enabled == is.enabled;
}

bool Explorer::next_prefix(unsigned bound) {
  unsigned preemptions = 0;  // before the stop
  uint32_t last = UINT32_MAX;
  for (uint32_t i = 0; i < record_->length; ++i) {
    const Decision& at = record_->decisions[i];
    const uint8_t other = choice_after(at);
    if (other != kNobody && preemptions + (is_preemption(at, other) ? 1 : 0) <= bound) last = i;
    preemptions += is_preemption(at, at.chosen) ? 1 : 0;
  }
  if (last == UINT32_MAX) return false;
  expected_.assign(record_->decisions, record_->decisions + last + 1);
  for (uint32_t i = 0; i < last; ++i) record_->prefix[i] = record_->decisions[i].chosen;
  record_->prefix[last] = choice_after(record_->decisions[last]);
  record_->prefix_length = last + 1;
  return true;
}

Summary Explorer::explore(unsigned bound, Clock::time_point deadline) {
  Summary summary;
  traces_.clear();
  expected_.clear();
  record_->prefix_length = 0;
  record_->seed = 0;
  do {
    if (!play_one(summary)) break;
    if (!same_so_far()) {
      summary.failure = describe("the same choices have led to other stops: the case is not deterministic");
      break;
    }
    summary.exhausted = !next_prefix(bound);
  } while (!summary.exhausted && Clock::now() < deadline);
  std::sort(traces_.begin(), traces_.end());
  summary.traces = static_cast<uint64_t>(std::unique(traces_.begin(), traces_.end()) - traces_.begin());
  return summary;
}

Summary Explorer::roam(uint64_t seed, Clock::time_point deadline) {
  Summary summary;
  traces_.clear();
  record_->prefix_length = 0;
  do {
    record_->seed = seed++ * 0x9e3779b97f4a7c15 | 1;
    record_->switches_in_1024 = 32u << (record_->seed >> 62);  // 32 to 256
    if (!play_one(summary)) break;
  } while (Clock::now() < deadline);
  std::sort(traces_.begin(), traces_.end());
  summary.traces = static_cast<uint64_t>(std::unique(traces_.begin(), traces_.end()) - traces_.begin());
  return summary;
}

Summary Explorer::replay(const std::string& choices) {
  Summary summary;
  record_->seed = 0;
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
