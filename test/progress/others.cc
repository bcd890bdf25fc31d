// SPDX-License-Identifier: Apache-2.0
#include "others.h"

#include <pthread.h>
#include <reslab/reslab.h>
#include <time.h>

#include "failure.h"
#include "hand.h"

namespace progress {

using namespace support;

const char* const kKindNames[kKinds] = {"pairs", "batches", "nolock", "large"};

namespace {

constexpr size_t kDeepest = 500;  // more than a magazine of the class holds: refills and flushes, the depot
constexpr size_t kNolockDeepest = 100;

uint64_t cpu_nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

void stamp(void* object) {
  expect(object != nullptr, "an allocation of the others failed");
  *static_cast<void* volatile*>(object) = object;
}

void* checked(void* object) {
  expect(*static_cast<void* volatile*>(object) == object, "object %p of the others was overwritten", object);
  *static_cast<void* volatile*>(object) = nullptr;
  return object;
}

void pairs(size_t count, size_t bytes) {
  for (size_t i = 0; i < count; ++i) {
    void* object = reslab_malloc(bytes);
    stamp(object);
    reslab_free(checked(object));
  }
}

void batches(size_t count) {
  void* objects[kDeepest];
  for (size_t done = 0; done < count; done += kDeepest) {
    for (void*& object : objects) stamp(object = reslab_malloc(kBytes));
    for (void* object : objects) reslab_free(checked(object));
  }
}

// NULL is an answer of a nolock allocation; what there is goes back by both kinds of free.
void nolock(size_t count) {
  void* objects[kNolockDeepest];
  for (size_t done = 0; done < count; done += kNolockDeepest) {
    size_t got = 0;
    for (size_t i = 0; i < kNolockDeepest; ++i) {
      void* object = reslab_malloc_nolock(kBytes, 0);
      if (object == nullptr) continue;
      stamp(object);
      objects[got++] = object;
    }
    for (size_t i = 0; i < got; ++i) (i % 8 == 0 ? reslab_free : reslab_free_nolock)(checked(objects[i]));
  }
}

}  // namespace

void work(Kind kind, size_t count) {
  switch (kind) {
    case kPairs:
      pairs(count, kBytes);
      break;
    case kBatches:
      batches(count);
      break;
    case kNolock:
      nolock(count);
      break;
    case kLarge:
      pairs(count, kRunBytes);
      break;
    case kKinds:
      break;
  }
}

void Others::hire(void* proof) {
  constexpr int kMostCandidates = 4096;  // in fallback mode slots go by thread, and there are not more of them
  int candidates = 0;
  for (Worker& worker : workers_) {
    while (!hire_one(worker, proof)) {
      expect(++candidates < kMostCandidates, "no thread shares the slot of the one that is to be stopped");
    }
  }
}

bool Others::hire_one(Worker& worker, void* proof) {
  enum { kUnknown, kSuits, kDoesNot };
  std::atomic<int> verdict{kUnknown};
  worker.thread = std::thread([&] {
    bool suits = true;
    if (proof != nullptr) {
      void* object = reslab_malloc(kBytes);
      suits = object == proof;
      reslab_free(object);
    }
    verdict = suits ? kSuits : kDoesNot;
    verdict.notify_one();
    if (suits) serve(worker);
  });
  verdict.wait(kUnknown);
  if (verdict == kSuits) return true;
  worker.thread.join();
  return false;
}

void Others::serve(Worker& worker) {
  for (uint32_t asked = 0;;) {
    shifts_asked_.wait(asked);
    asked = shifts_asked_.load();
    for (size_t kind = 0; kind < kKinds; ++kind) {
      const uint64_t begin = cpu_nanoseconds();
      work(static_cast<Kind>(kind), operations_);
      worker.nanoseconds[kind] = static_cast<double>(cpu_nanoseconds() - begin) / static_cast<double>(operations_);
    }
    if (at_work_.fetch_sub(1) == 1) at_work_.notify_one();
  }
}

void Others::move_to(const cpu_set_t& cpus) {
  for (Worker& worker : workers_) pthread_setaffinity_np(worker.thread.native_handle(), sizeof cpus, &cpus);
}

Shift Others::shift(size_t operations_of_a_kind) {
  operations_ = operations_of_a_kind;
  at_work_ = kOthers;
  shifts_asked_.fetch_add(1);
  shifts_asked_.notify_all();
  for (uint32_t left = at_work_.load(); left > 0; left = at_work_.load()) at_work_.wait(left);
  Shift done;
  for (size_t i = 0; i < kOthers; ++i) {
    for (size_t kind = 0; kind < kKinds; ++kind) done.nanoseconds[i][kind] = workers_[i].nanoseconds[kind];
  }
  return done;
}

}  // namespace progress
