// SPDX-License-Identifier: Apache-2.0
// Every instruction of the calls of reslab/rcu.h: `walk MODE [--seed N] [--all]`.
//
// Those that wait are walked too, and must have waited by the time they come back: with pages to be freed, and above the
// limit because of a reader.
//
// Each operation is first looked at: stepped through as it runs undisturbed, restartable sections and all (the thread's
// CPU is scripted meanwhile). That gives the instructions of its way and the stack it takes, which must be below 1 KiB.
// Then it is called again for each of these instructions, with a debug register there, as the kernel runs it; in front of
// the instruction another operation runs in the handler. Inside a section the context must be that of its abort address
// by then (26), and the call must come to its end all the same. Among what runs there: more retirings than a page holds;
// all other threads going on, and waiting for a barrier, while this one stays where it is; and a fork, whose child frees
// everything. --all has each of these at each instruction, otherwise they take turns.
//
// At the end: all that was retired is freed, the ledger of live objects, the audit; each section of libreslab-rcu was
// stopped in at every instruction from its first to its commit; and every function of reslab/rcu.h was among what was walked.

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <initializer_list>
#include <set>
#include <string>
#include <vector>

#include "cpu_slot.h"
#include "flavor.h"
#include "support.h"
#include "support/library_map.h"
#include "traps.h"

using namespace rcu_test;
using support::CriticalSection;
using support::LibraryMap;

namespace {

constexpr size_t kMostStackBytes = 1024;
constexpr int kPageObjects = 510;

const LibraryMap* core;
const LibraryMap* rcu;
bool with_rseq;

// --- what is interrupted -------------------------------------------------------------------------------------------------

void* subject;  // retired by the operation

void make_subject(size_t bytes) {
  subject = reslab_malloc(bytes);
  RCU_CHECK(subject != nullptr);
}
void barrier() { RCU_CHECK(reslab_rcu_barrier() == 0); }
void fill_page(int objects) {
  barrier();  // the page is taken away
  for (int i = 0; i < objects; ++i) reslab_free_rcu(reslab_malloc(32));
}

void with_room() {
  fill_page(3);
  make_subject(48);
}
void without_page() {
  fill_page(0);
  make_subject(48);
}
void with_full_page() {
  fill_page(kPageObjects);
  make_subject(48);
}
void with_run() {
  fill_page(3);
  make_subject(400'000);
}
void with_nothing() {}
void with_pages() { fill_page(2 * kPageObjects); }

reslab_cache* cache;
reslab_group* group;
// One that lies at so many bytes behind a multiple of 16: past a multiple of 8 it can be no object of malloc's, which is
// what the first look takes it for.
void take_from_cache(size_t remainder) {
  fill_page(3);
  void* others[512];
  size_t count = 0;
  for (;;) {  // ends: every second place is one
    RCU_CHECK((subject = reslab_cache_alloc(cache)) != nullptr);
    if (reinterpret_cast<uintptr_t>(subject) % 16 == remainder) break;
    RCU_CHECK(count < 512);
    others[count++] = subject;
  }
  for (size_t i = 0; i < count; ++i) reslab_cache_free(cache, others[i]);
}
void with_cache_object() { take_from_cache(0); }
void with_odd_cache_object() { take_from_cache(8); }
void with_group_object() {
  fill_page(3);
  RCU_CHECK((subject = reslab_group_malloc(group, 48)) != nullptr);
}

// A reader keeps what is pending above the limit: until somebody waits for that, or something is to run in between.
constexpr size_t kLimit = 64 << 20;
std::atomic<bool> let_reader_go{false}, reader_is_there{false};
sem_t reader_wanted, reader_inside;
// Registered no longer than it stays: liburcu's list of readers leads through their stacks, which in the child of a fork
// belong to others.
void* be_the_reader(void*) {
  for (;;) {
    while (sem_wait(&reader_wanted) != 0) {}
    const uint64_t waits = stats().waits;
    {
      Reader reader(urcu_memb_flavor);
      reader.enter();
      sem_post(&reader_inside);
      while (stats().waits == waits && !let_reader_go.load()) sched_yield();
      reader.leave();
    }
    reader_is_there.store(false);
  }
}
void have_no_reader() {
  let_reader_go.store(true);
  while (reader_is_there.load()) sched_yield();
}
void above_limit() {
  with_room();
  let_reader_go.store(false);
  reader_is_there.store(true);
  sem_post(&reader_wanted);
  while (sem_wait(&reader_inside) != 0) {}
  RCU_CHECK(reslab_rcu_set_limit(1) == 0);
  for (int i = 0; i < 2 * kPageObjects; ++i) reslab_free_rcu(reslab_malloc(32));
}
void no_longer_above() {
  have_no_reader();
  RCU_CHECK(reslab_rcu_set_limit(kLimit) == 0);
}
// The reclaimer sleeps, so there is somebody to wake.
void idle() {
  barrier();
  sleep_ms(2);
}

unsigned scope;
void open_scope() {
  with_full_page();
  scope = reslab_nolock_save();
}
void close_scope() { reslab_nolock_restore(scope); }

uintptr_t retire(uintptr_t, uintptr_t, uintptr_t) {
  reslab_free_rcu(subject);
  return 0;
}
uintptr_t retire_nothing(uintptr_t, uintptr_t, uintptr_t) {
  reslab_free_rcu(nullptr);
  return 0;
}
uintptr_t get(uintptr_t, uintptr_t, uintptr_t) { return reslab_gp_get().gp; }
uintptr_t start(uintptr_t, uintptr_t, uintptr_t) { return reslab_gp_start().gp; }
uintptr_t poll(uintptr_t, uintptr_t, uintptr_t) { return reslab_gp_poll({0}) ? 1 : 0; }
uintptr_t expedite(uintptr_t, uintptr_t, uintptr_t) {
  reslab_gp_expedite();
  return 0;
}
uintptr_t limit(uintptr_t, uintptr_t, uintptr_t) { return reslab_rcu_set_limit(kLimit) == 0 ? 1 : 0; }
uintptr_t read_stats(uintptr_t, uintptr_t, uintptr_t) {
  static reslab_rcu_stats out;
  return reslab_rcu_get_stats(&out, sizeof out) == 0 ? 1 : 0;
}

// Of those that wait each must have done so, whatever came in between.
uintptr_t wait_for_period(uintptr_t, uintptr_t, uintptr_t) {
  const reslab_gp_cookie cookie = reslab_gp_get();
  RCU_CHECK(reslab_gp_wait(cookie) == 0 && reslab_gp_poll(cookie));
  return 0;
}
uintptr_t wait_for_all(uintptr_t, uintptr_t, uintptr_t) {
  RCU_CHECK(reslab_rcu_barrier() == 0);
  return 0;
}
uintptr_t retire_waiting(uintptr_t, uintptr_t, uintptr_t) {
  RCU_CHECK(reslab_free_rcu_wait(subject) == 0);
  return 0;
}
uintptr_t begin_again(uintptr_t, uintptr_t, uintptr_t) {
  RCU_CHECK(reslab_rcu_init(nullptr) == 0);
  return 0;
}

struct Operation {
  const char* name;
  void (*prepare)();
  reentry::Entry call;
  void (*finish)();
};
constexpr Operation kOperations[] = {
    {"retire, a page with room", with_room, retire, with_nothing},
    {"retire, no page", without_page, retire, with_nothing},
    {"retire, a full page", with_full_page, retire, with_nothing},
    {"retire, a large block", with_run, retire, with_nothing},
    {"retire in a nolock scope", open_scope, retire, close_scope},
    {"retire, of a typed cache", with_cache_object, retire, with_nothing},
    {"retire, of it, at an odd place", with_odd_cache_object, retire, with_nothing},
    {"retire, of a group", with_group_object, retire, with_nothing},
    {"retire nothing", with_nothing, retire_nothing, with_nothing},
    {"gp_get", with_nothing, get, with_nothing},
    {"gp_start", idle, start, with_nothing},
    {"gp_poll", with_nothing, poll, with_nothing},
    {"gp_expedite", idle, expedite, with_nothing},
    {"set_limit", with_nothing, limit, with_nothing},
    {"get_stats", with_nothing, read_stats, with_nothing},
    {"gp_wait", idle, wait_for_period, with_nothing},
    {"barrier", with_pages, wait_for_all, with_nothing},
    {"free_rcu_wait", with_room, retire_waiting, with_nothing},
    {"free_rcu_wait, above the limit", above_limit, retire_waiting, no_longer_above},
    {"rcu_init once more", with_nothing, begin_again, with_nothing},
};

// --- what runs in between ------------------------------------------------------------------------------------------------

void retire_some() {
  for (int i = 0; i < 3; ++i) reslab_free_rcu(reslab_malloc(static_cast<size_t>(16 + 30 * i)));
}
void retire_pages() {
  for (int i = 0; i < kPageObjects + 90; ++i) reslab_free_rcu(reslab_malloc(static_cast<size_t>(16 + i % 300)));
}
void use_cookies() {
  const reslab_gp_cookie cookie = reslab_gp_start();
  if (reslab_gp_poll(cookie)) RCU_CHECK(reslab_gp_poll(cookie));  // true stays true
}
void hurry_and_wait() {
  reslab_free_rcu(reslab_malloc(64));
  reslab_gp_expedite();
  for (int i = 0; i < 2000; ++i) asm volatile("pause");
}

// The others, while the interrupted thread stays.
sem_t wanted, done;
void* be_the_others(void*) {
  for (;;) {
    while (sem_wait(&wanted) != 0) {}
    retire_pages();
    barrier();
    sem_post(&done);
  }
}
void stay() {
  sem_post(&wanted);
  while (sem_wait(&done) != 0) {}
}

// In the child: all that the parent had retired, and more, is freed.
[[noreturn]] void be_child() {
  alarm(20);
  retire_pages();
  RCU_CHECK(reslab_rcu_init(nullptr) == 0);
  if (reslab_rcu_barrier() == EDEADLK) {  // on top of a call of reslab: it may not wait, but all is freed in time
    reslab_gp_expedite();
    for (int i = 0; i < 5000 && stats().pending_objects > 0; ++i) sleep_ms(1);
  }
  RCU_CHECK(stats().pending_objects == 0);
  _exit(0);
}
void fork_here() {
  const pid_t child = fork();
  RCU_CHECK(child >= 0);
  if (child == 0) {
    if (freopen("/dev/null", "w", stderr) == nullptr) _exit(8);  // refusals that are expected
    be_child();
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (status != 0) RCU_FAIL("the child ended with status %#x", static_cast<unsigned>(status));
}

struct Nested {
  const char* name;
  void (*run)();
};
constexpr Nested kNested[] = {
    {"retire", retire_some},  {"retire pages", retire_pages},
    {"cookies", use_cookies}, {"expedite", hurry_and_wait},
    {"stay", stay},           {"fork", fork_here},
};
constexpr size_t kNestedCount = sizeof kNested / sizeof kNested[0];

// --- the walk ------------------------------------------------------------------------------------------------------------

[[noreturn]] void fail_at(const Operation& operation, const Nested* nested, uintptr_t place, const char* what) {
  const LibraryMap& library = rcu->contains(place) ? *rcu : *core;
  RCU_FAIL("%s, at 0x%zx of %s, %s: %s", operation.name, static_cast<size_t>(library.link_address(place)),
           &library == rcu ? "libreslab-rcu.so" : "libreslab.so", nested == nullptr ? "looking" : nested->name, what);
}

struct Seen {
  std::vector<uintptr_t> places;  // in the order of their first visit
  size_t stack_bytes = 0;
};

class Look : public reentry::StepObserver {
 public:
  void at_step(ucontext_t& context) override {
    const uintptr_t pc = reentry::pc_of(context), sp = reentry::sp_of(context);
    if (!core->contains(pc) && !rcu->contains(pc)) return;
    if (entry_sp_ == 0) entry_sp_ = sp;
    if (sp < entry_sp_) seen.stack_bytes = std::max(seen.stack_bytes, static_cast<size_t>(entry_sp_ - sp));
    if (known_.insert(pc).second) seen.places.push_back(pc);
  }
  Seen seen;

 private:
  std::set<uintptr_t> known_;
  uintptr_t entry_sp_ = 0;
};

// The reclaimer shares slots with a scripted thread: it is kept out by there being nothing for it to push.
Seen look(const Operation& operation) {
  Look look;
  operation.prepare();
  {
    const reentry::Undisturbed undisturbed;
    reentry::step_through(look, operation.call, 0, 0, 0);
  }
  operation.finish();
  return look.seen;
}

// Instructions of a library. Made once: the heap whose ledger is kept is this program's too.
class Places {
 public:
  explicit Places(const LibraryMap& library) : library_(library), is_in_(library.text_bytes()) {}
  void add(uintptr_t pc) {
    if (library_.contains(pc)) is_in_[pc - library_.text()] = true;
  }
  size_t count() const { return static_cast<size_t>(std::count(is_in_.begin(), is_in_.end(), true)); }
  bool has(uintptr_t pc) const { return library_.contains(pc) && is_in_[pc - library_.text()]; }

 private:
  const LibraryMap& library_;
  std::vector<bool> is_in_;
};

class Visits : public reentry::BreakpointObserver {
 public:
  Visits() : breakpoint_(*this), in_section_(*rcu) {
    if (breakpoint_.unavailable() != nullptr) RCU_FAIL("no breakpoints to be had: %s", breakpoint_.unavailable());
  }

  bool visit(const Operation& operation, uintptr_t place, const Nested& nested) {
    operation_ = &operation;
    nested_ = &nested;
    was_met_ = false;
    operation.prepare();
    breakpoint_.arm(place);
    operation.call(0, 0, 0);
    breakpoint_.disarm();
    operation.finish();
    return was_met_;
  }
  bool was_in_section(uintptr_t place) const { return in_section_.has(place); }

 private:
  void at_breakpoint(uintptr_t place, ucontext_t& context) override {
    const LibraryMap& library = rcu->contains(place) ? *rcu : *core;
    const CriticalSection* section = with_rseq ? library.section_around(place) : nullptr;
    const uintptr_t wanted_pc = section != nullptr ? section->abort : place;
    if (reentry::pc_of(context) != wanted_pc) fail_at(*operation_, nested_, place, "it goes on elsewhere");
    const int saved = errno;
    have_no_reader();
    errno = 77;
    nested_->run();
    if (errno != 77 && nested_->run != stay && nested_->run != fork_here) {
      fail_at(*operation_, nested_, place, "errno is not what it was");
    }
    errno = saved;
    if (section != nullptr) in_section_.add(place);
    was_met_ = true;
  }

  reentry::Breakpoint breakpoint_;
  const Operation* operation_ = nullptr;
  const Nested* nested_ = nullptr;
  bool was_met_ = false;
  Places in_section_;
};

struct Totals {
  size_t places = 0, visits = 0, met = 0, stack_bytes = 0;
};

void walk(const Operation& operation, Visits& visits, uint64_t seed, bool all, Places& seen, Totals& totals) {
  const Seen way = look(operation);
  if (way.places.empty()) RCU_FAIL("%s: no instruction of the library was seen", operation.name);
  if (way.stack_bytes > kMostStackBytes) {
    RCU_FAIL("%s takes %zu bytes of stack", operation.name, way.stack_bytes);
  }
  for (const uintptr_t place : way.places) seen.add(place);
  totals.places += way.places.size();
  totals.stack_bytes = std::max(totals.stack_bytes, way.stack_bytes);
  size_t met = 0, visited = 0;
  for (size_t i = 0; i < way.places.size(); ++i) {
    for (size_t kind = 0; kind < (all ? kNestedCount : 1); ++kind) {
      met += visits.visit(operation, way.places[i], kNested[(seed + i + kind) % kNestedCount]) ? 1 : 0;
      ++visited;
    }
  }
  printf("%-30s %4zu instructions, %4zu bytes of stack, %5zu of %5zu visits met\n", operation.name, way.places.size(),
         way.stack_bytes, met, visited);
  fflush(stdout);
  totals.visits += visited;
  totals.met += met;
}

// From the first instruction of each section to its commit, each was stopped at. What the sections of the core are is
// test/reentry's to walk.
void require_sections(const Places& seen, const Visits& visits) {
  for (const CriticalSection& section : rcu->sections()) {
    uintptr_t last = 0;
    for (uintptr_t place = section.start; place < section.end; ++place) {
      if (!seen.has(place)) continue;
      last = place;
      if (!visits.was_in_section(place)) {
        RCU_FAIL("nothing stopped at 0x%zx, inside a section", static_cast<size_t>(rcu->link_address(place)));
      }
    }
    constexpr uintptr_t kLongestStore = 9;
    if (!seen.has(section.start) || last + kLongestStore < section.end) {
      RCU_FAIL("the section at 0x%zx was not walked to its commit",
               static_cast<size_t>(rcu->link_address(section.start)));
    }
  }
  printf("%zu sections walked\n", rcu->sections().size());
}

// Every function that the library offers was walked from its first instruction on, and with them so many of the library's
// instructions; the rest are the reclaimer's, and the beginning's and the end's. Where all goes by bits no page is used.
void require_coverage(const Places& seen, bool by_bits) {
  constexpr const char* kFunctions[] = {"reslab_rcu_init",      "reslab_free_rcu",     "reslab_free_rcu_wait",
                                        "reslab_gp_get",        "reslab_gp_start",     "reslab_gp_poll",
                                        "reslab_gp_wait",       "reslab_gp_expedite",  "reslab_rcu_barrier",
                                        "reslab_rcu_set_limit", "reslab_rcu_get_stats"};
  for (const char* name : kFunctions) {
    if (!seen.has(reinterpret_cast<uintptr_t>(dlsym(RTLD_DEFAULT, name)))) RCU_FAIL("%s was not walked", name);
  }
  const size_t least = by_bits ? 500 : 750;
  if (seen.count() < least) RCU_FAIL("only %zu instructions of libreslab-rcu.so", seen.count());
  printf("%zu instructions of libreslab-rcu.so\n", seen.count());
}

void run(uint64_t seed, bool all) {
  Visits visits;
  Places seen(*rcu);
  Totals totals;
  printf("seed %llu\n", static_cast<unsigned long long>(seed));  // and stdio has its buffer
  barrier();
  const uint64_t live_at_start = live_objects();
  for (const Operation& operation : kOperations) {
    walk(operation, visits, seed, all, seen, totals);
    barrier();
    if (stats().pending_objects != 0 || audit() != 0)
      RCU_FAIL("after %s: not all is freed, or it is broken", operation.name);
  }
  if (with_rseq && stats().pages != 0) require_sections(seen, visits);  // with check_rcu=1 they are never entered
  barrier();
  const uint64_t live = live_objects();
  if (live > live_at_start) {
    RCU_FAIL("%llu objects are lost", static_cast<unsigned long long>(live - live_at_start));
  }
  // A call may meet another state than the look did: somebody else was to be woken, or has been.
  if (totals.met * 10 < totals.visits * 9)
    RCU_FAIL("only %zu of %zu visits met their place", totals.met, totals.visits);
  require_coverage(seen, stats().pages == 0);
  printf("%zu instructions, %zu visits, at most %zu bytes of stack\n", totals.places, totals.visits,
         totals.stack_bytes);
}

}  // namespace

int main(int count, char** arguments) {
  uint64_t seed = 1;
  bool all = false;
  for (int i = 2; i < count; ++i) {
    if (strcmp(arguments[i], "--all") == 0) all = true;
    else if (strcmp(arguments[i], "--seed") == 0 && i + 1 < count) seed = strtoull(arguments[++i], nullptr, 10);
    else count = 0;
  }
  if (count < 2) return fprintf(stderr, "usage: walk rseq|fallback [--seed N] [--all]\n"), 2;
  require_mode(arguments[1]);
  with_rseq = strcmp(arguments[1], "rseq") == 0;
  const LibraryMap core_map = LibraryMap::of("reslab_malloc"), rcu_map = LibraryMap::of("reslab_rcu_init");
  core = &core_map;
  rcu = &rcu_map;
  RCU_CHECK(!core->sections().empty() && !rcu->sections().empty());
  reentry::expect_rseq_mode(with_rseq);
  reentry::stay_on_one_cpu();
  RCU_CHECK(reslab_rcu_init(nullptr) == 0);
  const reslab_cache_args cache_args = {72, 0, 0, nullptr, nullptr};
  RCU_CHECK((cache = reslab_cache_create("retired", &cache_args)) != nullptr);
  RCU_CHECK((group = reslab_group_create("retired", SIZE_MAX)) != nullptr);
  sem_init(&wanted, 0, 0);
  sem_init(&done, 0, 0);
  for (sem_t* one : {&reader_wanted, &reader_inside}) sem_init(one, 0, 0);
  pthread_t others, reader;
  RCU_CHECK(pthread_create(&reader, nullptr, be_the_reader, nullptr) == 0);
  RCU_CHECK(pthread_create(&others, nullptr, be_the_others, nullptr) == 0);
  stay();
  for (const Operation& operation : kOperations) {  // each once, so that the loader has nothing left to do
    operation.prepare();
    operation.call(0, 0, 0);
    operation.finish();
  }
  run(seed, all);
  return 0;
}
