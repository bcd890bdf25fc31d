// SPDX-License-Identifier: Apache-2.0
// What must be reported: `misuse MODE`. Each case runs in a child, which must die by SIGABRT with the words that are
// expected, or say them and go on; the waiting forms must refuse, not hang.

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "flavor.h"
#include "support.h"

using namespace rcu_test;

namespace {

enum class End { kAborts, kGoesOn };

void begin(const rcu_flavor_struct* flavor = &urcu_memb_flavor) { RCU_CHECK(reslab_rcu_init(flavor) == 0); }
void* object() { return reslab_malloc(64); }

// --- frees -------------------------------------------------------------------------------------------------------------

void twice_in_a_row() {
  void* p = object();
  reslab_free_rcu(p);
  reslab_free_rcu(p);
  reslab_rcu_init(nullptr) == 0 && reslab_rcu_barrier() == 0 ? _exit(0) : _exit(1);
}
void twice_apart() {
  void* p = object();
  reslab_free_rcu(p);
  for (int i = 0; i < 100; ++i) reslab_free_rcu(object());
  reslab_free_rcu(p);
  begin();
  if (reslab_rcu_barrier() != 0) _exit(1);
}
// Nobody waits for a grace period here.
void twice_at_once() {
  void* p = object();
  reslab_free_rcu(p);
  for (int i = 0; i < 100; ++i) reslab_free_rcu(object());
  reslab_free_rcu(p);
  fputs("not at once\n", stderr);
}
void freed_by_free() {
  void* p = object();
  reslab_free_rcu(p);
  reslab_free(p);
  fputs("not at once\n", stderr);
}
void filled_afterwards() {
  constexpr size_t kBytes = 64;
  constexpr unsigned char kFree = 0x6b;
  begin();
  auto* p = static_cast<volatile unsigned char*>(reslab_malloc(kBytes));
  for (size_t i = 0; i < kBytes; ++i) p[i] = 1;
  Reader reader(urcu_memb_flavor);
  reader.enter();
  reslab_free_rcu(const_cast<unsigned char*>(p));
  for (size_t i = 0; i < kBytes; ++i) RCU_CHECK(p[i] == 1);
  reader.leave();
  RCU_CHECK(reslab_rcu_barrier() == 0);
  for (size_t i = 0; i < kBytes; ++i) RCU_CHECK(p[i] == kFree);
  fputs("filled\n", stderr);
}
void* retire_it(void* p) {
  reslab_free_rcu(p);
  return nullptr;
}
void twice_on_threads() {
  void* p = object();
  for (int i = 0; i < 2; ++i) {
    pthread_t thread;
    RCU_CHECK(pthread_create(&thread, nullptr, retire_it, p) == 0);
    pthread_join(thread, nullptr);
  }
  begin();
  if (reslab_rcu_barrier() != 0) _exit(1);
}
void run_twice() {
  void* p = reslab_malloc(400'000);
  reslab_free_rcu(p);
  reslab_free_rcu(object());
  reslab_free_rcu(p);
  begin();
  if (reslab_rcu_barrier() != 0) _exit(1);
}
// Taken in, and then retired again: the second one lies in a page when the grace period of the first ends, in one that is
// full or in one that is being filled.
void twice_in_one_period_before(int others) {
  begin();
  Reader reader(urcu_memb_flavor);
  reader.enter();
  void* p = object();
  reslab_free_rcu(p);
  while (stats().taken == 0) {  // the test's alarm ends it
    reslab_gp_expedite();
    sleep_ms(1);
  }
  reslab_free_rcu(object());
  reslab_free_rcu(p);
  for (int i = 0; i < others; ++i) reslab_free_rcu(object());
  RCU_CHECK(stats().freed == 0);
  reader.leave();
  if (reslab_rcu_barrier() != 0) _exit(1);
}
void twice_in_one_period() { twice_in_one_period_before(1); }
void twice_in_a_full_page() { twice_in_one_period_before(1200); }
void freed_before() {
  void* p = object();
  reslab_free(p);
  reslab_trim(0);
  reslab_free_rcu(p);
  begin();
  if (reslab_rcu_barrier() != 0) _exit(1);
}
void inside_an_object() {
  reslab_free_rcu(static_cast<char*>(object()) + 16);
  begin();
  if (reslab_rcu_barrier() != 0) _exit(1);
}
void not_aligned() { reslab_free_rcu(static_cast<char*>(object()) + 1); }
void on_the_stack() {
  int local = 0;
  reslab_free_rcu(&local);
}
void inside_a_run() {
  reslab_free_rcu(static_cast<char*>(reslab_malloc(1 << 20)) + 65536);
  begin();
  if (reslab_rcu_barrier() != 0) _exit(1);
}

// --- waiting -----------------------------------------------------------------------------------------------------------

void require_all_refused() {
  const reslab_gp_cookie cookie = reslab_gp_get();
  const uint64_t refused = stats().refused;
  RCU_CHECK(reslab_gp_wait(cookie) == EDEADLK && !reslab_gp_poll(cookie));
  RCU_CHECK(reslab_rcu_barrier() == EDEADLK);
  RCU_CHECK(reslab_free_rcu_wait(object()) == EDEADLK);
  RCU_CHECK(stats().refused == refused + 3);
}
void finish() {
  RCU_CHECK(reslab_rcu_barrier() == 0 && stats().freed == 1);  // the refused one was retired all the same
}

void in_a_section_of(const rcu_flavor_struct* flavor) {
  begin(flavor);
  Reader reader(*flavor);
  reader.enter();
  require_all_refused();
  reader.leave();
  finish();
}
void in_a_section() { in_a_section_of(&urcu_memb_flavor); }
// No flavour is chosen yet: who waits chooses memb.
void in_a_section_before_init() {
  Reader reader(urcu_memb_flavor);
  reader.enter();
  RCU_CHECK(reslab_gp_wait(reslab_gp_start()) == EDEADLK && reslab_rcu_barrier() == EDEADLK);
  RCU_CHECK(stats().refused == 2);
  reader.leave();
  RCU_CHECK(reslab_rcu_barrier() == 0);
}
void in_a_section_mb() { in_a_section_of(&urcu_mb_flavor); }
void in_a_section_bp() { in_a_section_of(&urcu_bp_flavor); }

// Who waits there is no reader meanwhile: nothing to refuse.
void online_qsbr() {
  begin(&urcu_qsbr_flavor);
  Reader reader(urcu_qsbr_flavor);
  reslab_free_rcu(object());
  finish();
  fputs("went on\n", stderr);
}

void on_signal(int) { require_all_refused(); }

void in_a_handler_with(int flags) {
  begin();
  stack_t stack = {};
  stack.ss_size = 65536;
  stack.ss_sp = malloc(stack.ss_size);
  sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = flags;
  sigaction(SIGUSR1, &action, nullptr);
  raise(SIGUSR1);
  finish();
}
void on_an_alternate_stack() { in_a_handler_with(SA_ONSTACK); }
// With other options, which count from the start on.
void start_again_as(const char* what, const char* options) {
  setenv("RESLAB_OPTIONS", (std::string(getenv("RESLAB_OPTIONS")) + options).c_str(), 1);
  execl("/proc/self/exe", "misuse", what, nullptr);
  _exit(9);
}
void in_a_handler() { start_again_as("--handler", ":check_context=1"); }
void in_a_scope() {
  begin();
  const unsigned saved = reslab_nolock_save();
  const reslab_gp_cookie cookie = reslab_gp_get();
  RCU_CHECK(reslab_gp_wait(cookie) == EDEADLK && reslab_rcu_barrier() == EDEADLK);
  reslab_nolock_restore(saved);
}

// Every maintenance call, of either library, is refused there, says so, and has done nothing.
int maintain_in_a_section() {
  begin();
  reslab_cache_args args = {};
  args.size = 64;
  reslab_cache* cache = reslab_cache_create("c", &args);
  reslab_group* group = reslab_group_create("g", 1 << 20);
  reslab_reserve* reserve = reslab_reserve_create(64, 4);
  RCU_CHECK(cache != nullptr && group != nullptr && reserve != nullptr);
  Reader reader(urcu_memb_flavor);
  reader.enter();
  RCU_CHECK(reslab_trim(0) == 0 && errno == EDEADLK);
  RCU_CHECK(reslab_check(-1) < 0 && errno == EDEADLK);
  errno = 0;
  RCU_CHECK(reslab_cache_shrink(cache) == 0 && errno == EDEADLK);
  RCU_CHECK(reslab_cache_destroy(cache) == EDEADLK && reslab_group_destroy(group) == EDEADLK);
  RCU_CHECK(reslab_reserve_destroy(reserve) == EDEADLK);
  reader.leave();
  RCU_CHECK(reslab_cache_destroy(cache) == 0 && reslab_group_destroy(group) == 0);
  RCU_CHECK(reslab_reserve_destroy(reserve) == 0 && reslab_check(-1) == 0);
  return 0;
}
void maintenance() { start_again_as("--maintenance", ":check_context=1"); }

std::atomic<bool> system_has_threads{true};

// Waiting is refused while nobody can free, and works once the system has a thread to give again.
void without_a_thread() {
  system_has_threads = false;
  RCU_CHECK(reslab_rcu_init(&urcu_memb_flavor) == EAGAIN);
  reslab_free_rcu(object());
  RCU_CHECK(reslab_rcu_barrier() == EDEADLK && reslab_gp_wait(reslab_gp_get()) == EDEADLK);
  RCU_CHECK(stats().refused == 2 && stats().freed == 0 && stats().reclaimer == 0);
  system_has_threads = true;
  RCU_CHECK(reslab_rcu_barrier() == 0 && stats().freed == 1 && stats().reclaimer == 1);
}

// The thread that frees is the parent's; the child has one of its own as soon as it waits.
void in_a_child() {
  begin();
  RCU_CHECK(stats().reclaimer == 1);
  const pid_t child = fork();
  if (child == 0) {
    RCU_CHECK(stats().reclaimer == 0);
    reslab_free_rcu(object());
    RCU_CHECK(reslab_rcu_barrier() == 0 && stats().reclaimer == 1);
    _exit(0);
  }
  int status = 0;
  RCU_CHECK(waitpid(child, &status, 0) == child && status == 0);
  RCU_CHECK(stats().reclaimer == 1);
  fputs("both free\n", stderr);
}

void stalled() { start_again_as("--stalled-memb", ":rcu_stall=100"); }
void stalled_mb() { start_again_as("--stalled-mb", ":rcu_stall=100"); }
void stalled_qsbr() { start_again_as("--stalled-qsbr", ":rcu_stall=100"); }
void stalled_bp() { start_again_as("--stalled-bp", ":rcu_stall=100"); }
int be_stalled(const rcu_flavor_struct* flavor) {
  begin(flavor);
  Reader reader(*flavor);
  reader.enter();
  for (int i = 0; i < 1000; ++i) reslab_free_rcu(object());
  reslab_gp_expedite();
  while (stats().gp_stalls == 0 || stats().gp_age_ms < 400) sleep_ms(10);  // the test's alarm ends it
  const uint64_t pages = stats().pages;
  for (int i = 0; i < 60'000; ++i) reslab_free_rcu(object());  // far more than the spare pages hold
  sleep_ms(50);
  RCU_CHECK(stats().pages == pages);  // no memory is spent on an old period
  RCU_CHECK(stats().gp_stalls == 1);
  RCU_CHECK(stats().freed == 0);
  RCU_CHECK(stats().gp_age_ms >= 400);
  reader.leave();
  RCU_CHECK(reslab_rcu_barrier() == 0 && stats().gp_stalls == 1);
  return 0;
}

// A reader that stays keeps the process from nothing.
void* enter_and_stay(void* inside) {
  Reader reader(urcu_memb_flavor);
  reader.enter();
  static_cast<std::atomic<bool>*>(inside)->store(true);
  for (;;) pause();
}
void exit_beside_a_reader() {
  begin();
  static std::atomic<bool> inside{false};
  pthread_t thread;
  RCU_CHECK(pthread_create(&thread, nullptr, enter_and_stay, &inside) == 0);
  while (!inside.load()) sleep_ms(1);
  for (int i = 0; i < 1000; ++i) reslab_free_rcu(object());
  reslab_gp_expedite();
  while (stats().gp_age_ms == 0) sleep_ms(1);
  fputs("exits\n", stderr);
  exit(0);
}

bool always() { return true; }
bool has_debug(const char* mode) {
  char debug[32] = "";
  reslab_option_get("debug", debug, sizeof debug);
  return strpbrk(debug, mode) != nullptr;
}
bool with_debug() { return has_debug("FZPU"); }
bool with_poison() { return has_debug("P"); }
// No object goes by a page, where it would only be looked at with the others of that page.
bool by_bits() {
  char checks[4] = "";
  reslab_option_get("check_rcu", checks, sizeof checks);
  return strcmp(checks, "1") == 0 || with_debug();
}

struct Case {
  const char* name;
  void (*run)();
  End end;
  const char* words;
  bool (*is_wanted)() = always;
};
constexpr Case kCases[] = {
    {"twice in a row", twice_in_a_row, End::kAborts, "double free: it waits for a grace period already"},
    {"twice apart", twice_apart, End::kAborts, "double free: it waits for a grace period already"},
    {"twice on threads", twice_on_threads, End::kAborts, "double free: it waits for a grace period already"},
    {"twice in one period", twice_in_one_period, End::kAborts, "double free: it waits for a grace period already"},
    {"twice in a full page", twice_in_a_full_page, End::kAborts, "double free: it waits for a grace period already"},
    {"a run twice", run_twice, End::kAborts, "double free: it waits for a grace period already"},
    {"twice, at once", twice_at_once, End::kAborts, "double free: it waits for a grace period already", by_bits},
    {"freed by free as well", freed_by_free, End::kAborts, "double free", with_debug},
    {"filled afterwards", filled_afterwards, End::kGoesOn, "filled", with_poison},
    {"freed before", freed_before, End::kAborts, "reslab_free_rcu("},
    {"inside an object", inside_an_object, End::kAborts, "reslab_free_rcu("},
    {"not aligned", not_aligned, End::kAborts, "reslab_free_rcu("},
    {"on the stack", on_the_stack, End::kAborts, "reslab_free_rcu("},
    {"inside a run", inside_a_run, End::kAborts, "reslab_free_rcu("},
    {"in a section", in_a_section, End::kGoesOn, "reslab_gp_wait inside a read section, refused"},
    {"in a section before init", in_a_section_before_init, End::kGoesOn,
     "reslab_rcu_barrier inside a read section, refused"},
    {"in a section of mb", in_a_section_mb, End::kGoesOn, "reslab_rcu_barrier inside a read section, refused"},
    {"in a section of bp", in_a_section_bp, End::kGoesOn, "reslab_free_rcu_wait inside a read section, refused"},
    {"online in qsbr", online_qsbr, End::kGoesOn, "went on"},
    {"on an alternate stack", on_an_alternate_stack, End::kGoesOn, "reslab_gp_wait in a handler, refused"},
    {"in a handler", in_a_handler, End::kGoesOn, "reslab_rcu_barrier in a handler, refused"},
    {"in a nolock scope", in_a_scope, End::kGoesOn, "reslab_rcu_barrier inside a nolock scope, refused"},
    {"trim in a section", maintenance, End::kGoesOn, "reslab_trim: maintenance call inside a read section, refused"},
    {"check in a section", maintenance, End::kGoesOn, "reslab_check: maintenance call inside a read section, refused"},
    {"shrink in a section", maintenance, End::kGoesOn,
     "reslab_cache_shrink: maintenance call inside a read section, refused"},
    {"destroy in a section", maintenance, End::kGoesOn,
     "reslab_cache_destroy: maintenance call inside a read section, refused"},
    {"a group in a section", maintenance, End::kGoesOn,
     "reslab_group_destroy: maintenance call inside a read section, refused"},
    {"a reserve in a section", maintenance, End::kGoesOn,
     "reslab_reserve_destroy: maintenance call inside a read section, refused"},
    {"without a thread", without_a_thread, End::kGoesOn,
     "reslab_rcu_barrier without a thread that frees, which could not be made, refused"},
    {"in a child", in_a_child, End::kGoesOn, "both free"},
    {"stalled", stalled, End::kGoesOn, "the grace period of flavour memb has not ended for"},
    {"stalled with mb", stalled_mb, End::kGoesOn, "the grace period of flavour mb has not ended for"},
    {"stalled with qsbr", stalled_qsbr, End::kGoesOn, "the grace period of flavour qsbr has not ended for"},
    {"stalled with bp", stalled_bp, End::kGoesOn, "the grace period of flavour bp has not ended for"},
    {"stalled, how much", stalled, End::kGoesOn, " bytes are pending"},
    {"exit beside a reader", exit_beside_a_reader, End::kGoesOn, "exits"},
};

}  // namespace

// libc's, which the libraries call as well.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                              void* argument) {
  using Create = int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static Create* const of_libc = reinterpret_cast<Create*>(dlsym(RTLD_NEXT, "pthread_create"));
  return system_has_threads ? of_libc(thread, attributes, start, argument) : EAGAIN;
}

namespace {

// The child's words and its status.
int run_case(const Case& one, std::string& words) {
  int ends[2];
  RCU_CHECK(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    alarm(20);
    one.run();
    _exit(0);
  }
  close(ends[1]);
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) words.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

size_t count_of(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

}  // namespace

int main(int count, char** arguments) {
  constexpr char kStalled[] = "--stalled-";
  if (count == 2 && strncmp(arguments[1], kStalled, sizeof kStalled - 1) == 0)
    return be_stalled(flavor_named(arguments[1] + sizeof kStalled - 1));
  if (count == 2 && strcmp(arguments[1], "--handler") == 0) return in_a_handler_with(0), 0;
  if (count == 2 && strcmp(arguments[1], "--maintenance") == 0) return maintain_in_a_section();
  if (count != 2) return fprintf(stderr, "usage: misuse rseq|fallback\n"), 2;
  require_mode(arguments[1]);
  for (const Case& one : kCases) {
    if (!one.is_wanted()) continue;
    std::string words;
    const int status = run_case(one, words);
    const bool ended = one.end == End::kAborts ? WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT : status == 0;
    if (!ended || count_of(words, one.words) != 1) {
      RCU_FAIL("%s: status %#x, words '%s', expected once '%s'", one.name, static_cast<unsigned>(status), words.c_str(),
               one.words);
    }
  }
  return 0;
}
