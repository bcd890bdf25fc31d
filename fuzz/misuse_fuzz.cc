// SPDX-License-Identifier: Apache-2.0
// Allocations and frees out of arbitrary bytes, and then one mistake, in a forked child: it has to end by SIGABRT, with a
// report that docs/misuse.md has for this mistake, in the words of base/reports.def, and with nothing else. What was
// allocated and freed before may lie anywhere: in magazines, depots and slabs, at their ends, in large blocks. With the
// options check_frees and check_sizes more is caught, and sooner; the library says which are on.
//
// An input is a list of four-byte steps {operation, place, size class, size within it}. The last one is the mistake: {kind,
// place, and two numbers that are the kind's own}.

#include <reslab/reslab.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr size_t kPlaces = 64;

[[noreturn]] void violated(const std::string& what) {
  std::fprintf(stderr, "fuzz: violated: %s\n", what.c_str());
  std::abort();
}

// Sizes around every border, mostly small, up to about 2 MiB.
size_t size_from(uint8_t magnitude, uint8_t within) {
  const size_t base = size_t{1} << (magnitude < 240 ? magnitude % 14 : magnitude % 21);
  return base + base * within / 256;
}

bool is_on(const char* option) {
  char value[8] = "";
  return reslab_option_get(option, value, sizeof value) == 0 && std::strcmp(value, "1") == 0;
}

// --- reports ---------------------------------------------------------------------------------------------------------

constexpr struct {
  const char *name, *words;
} kReports[] = {
#define REPORT(name, words) {#name, words},
#include "base/reports.def"
#undef REPORT
};

// The words of a report with its numbers, where -1 is any number, and stays {}.
std::string report(const std::string& name, const std::vector<int64_t>& numbers = {}) {
  std::string words;
  for (const auto& known : kReports) {
    if (known.name == name) words = known.words;
  }
  size_t at = 0;
  for (const int64_t number : numbers) {
    at = words.find("{}", at);
    if (number >= 0) words.replace(at, 2, std::to_string(number));
    at += 2;
  }
  return words;
}

bool fits(const char* said, const char* words) {
  for (; *words != '\0'; ++words) {
    if (words[0] == '{' && words[1] == '}') {
      const size_t digits = std::strspn(said, "0123456789");
      if (digits == 0) return false;
      said += digits, ++words;
    } else if (*said++ != *words) {
      return false;
    }
  }
  return *said == '\0';
}

// --- mistakes --------------------------------------------------------------------------------------------------------

struct Mistake {
  std::function<void()> make;
  const void* address;
  std::vector<std::string> calls, reports;  // one of each has to come
  std::string other_report = {};            // or this one, without a call to blame

  std::vector<std::string> lines() const {
    char text[32];
    std::snprintf(text, sizeof text, "%p", address);
    std::vector<std::string> all;
    for (const std::string& call : calls) {
      for (const std::string& words : reports) all.push_back("reslab: " + call + "(" + text + "): " + words + "\n");
    }
    if (!other_report.empty()) all.push_back(std::string("reslab: object ") + text + other_report + "\n");
    return all;
  }
};

struct Call {
  const char* name;
  void (*make)(void*);
};
volatile size_t result_is_used;
constexpr Call kCalls[] = {
    {"free", [](void* object) { reslab_free(object); }},
    {"reslab_free_nolock", [](void* object) { reslab_free_nolock(object); }},
    {"realloc", [](void* object) { result_is_used = reslab_realloc(object, 100) != nullptr; }},
    {"reslab_usable_size", [](void* object) { result_is_used = reslab_usable_size(object); }},
};
const Call& call_from(uint8_t number) { return kCalls[number % std::size(kCalls)]; }

class Objects {
 public:
  ~Objects() {
    for (void*& object : objects_) replace(object, nullptr);
    if (reslab_check(STDERR_FILENO) != 0) violated("the audit is clean");
  }

  void step(uint8_t operation, uint8_t place, size_t size) {
    void*& object = objects_[place % kPlaces];
    switch (operation % 8) {
      case 0:
      case 1:
        return replace(object, reslab_malloc(size));
      case 2:
        return replace(object, reslab_malloc_nolock(size, RESLAB_GROW));
      case 3:
        return replace(object, reslab_aligned_alloc(size_t{16} << (place % 9), size));
      case 4:
        return replace(object, reslab_calloc(1, size));
      case 5:
      case 6:
        return replace(object, nullptr);
      default:
        reslab_flush_deferred();
    }
  }

  Mistake mistake(uint8_t kind, uint8_t place, uint8_t a, uint8_t b) {
    void*& object = objects_[place % kPlaces];
    if (object == nullptr) object = reslab_malloc(size_from(place, a));
    if (object == nullptr) violated("there is memory for one more object");
    switch (kind % 4) {
      case 0:
        return free_twice(object, a % 32, b);
      case 1:
        return interior(static_cast<char*>(object), a + size_t{256} * b, call_from(kind / 4));
      case 2:
        return foreign(a, call_from(b));
      default:
        return is_on("check_sizes") ? wrong_size(object, a) : free_twice(object, 0, b);
    }
  }

 private:
  static void replace(void*& object, void* by) {
    if ((reinterpret_cast<uintptr_t>(object) & 32) != 0) reslab_free_nolock(object);
    else reslab_free(object);
    object = by;
  }

  // With other frees between the two and no allocation: at the latest the drain finds it, which a trim begins with.
  Mistake free_twice(void*& object, unsigned between, uint8_t calls) {
    const auto make = [this, &object, between, calls] {
      void* const twice = std::exchange(object, nullptr);
      kCalls[calls & 1].make(twice);
      unsigned left = between;
      for (void*& other : objects_) {
        if (other != nullptr && left-- > 0) replace(other, nullptr);
      }
      kCalls[calls >> 1 & 1].make(twice);
      reslab_trim(0);
    };
    std::vector<std::string> reports = {report("NothingThere")};
    const auto bytes = static_cast<int64_t>(reslab_usable_size(object));
    for (const char* found : {"DoubleFree", "DoubleFreeAtFlush"}) {
      reports.push_back(report(found) + report("Object", {-1, bytes}));
      reports.push_back(report(found) + report("FreeObject", {-1, bytes}));
      reports.push_back(report(found) + report("NothingThere"));  // the first one emptied its slab, which has gone
    }
    // "free" where the drain finds it. Put off twice, it is on a list twice, and without a link where it is met again.
    const std::string damaged = (calls & 3) == 3 ? report("LinkDamaged") : "";
    return {make, object, {kCalls[calls >> 1 & 1].name, "free"}, reports, damaged};
  }

  static Mistake interior(char* object, size_t where, const Call& call) {
    const size_t bytes = reslab_usable_size(object);
    const size_t inside = 1 + where % (bytes - 1);
    const auto make = [=] { call.make(object + inside); };
    const auto from = static_cast<int64_t>(inside), of = static_cast<int64_t>(bytes);
    return {make,
            object + inside,
            {call.name},
            {report("Interior", {from, -1, of}), report("InteriorOfBlock", {from, of})}};
  }

  static Mistake foreign(uint8_t which, const Call& call) {
    static char some_static[64];
    reslab_status status = {};
    reslab_get_status(&status, sizeof status);
    const uintptr_t end = status.arena_base + status.arena_window_bytes;
    const std::pair<const void*, const char*> places[] = {
        {some_static + which % 64, "NotOurs"},
        {&status, "NotOurs"},  // the stack
        {"some text", "NotOurs"},
        {reinterpret_cast<void*>(&std::abort), "NotOurs"},
        {reinterpret_cast<void*>(uintptr_t{1} + which), "NotOurs"},
        {reinterpret_cast<void*>(UINTPTR_MAX - which), "NotOurs"},
        {reinterpret_cast<void*>(uintptr_t{0x8000} << 32 | which), "NotOurs"},  // not canonical
        {reinterpret_cast<void*>(status.arena_base + which), "NotOurs"},        // unit 0 is nobody's
        {reinterpret_cast<void*>(end - 1 - which), "NeverHandedOut"},
        {reinterpret_cast<void*>(end + which), "NotOurs"},
    };
    void* const address = const_cast<void*>(places[which % std::size(places)].first);
    return {[=] { call.make(address); }, address, {call.name}, {report(places[which % std::size(places)].second)}};
  }

  // Further off than what check_sizes lets pass.
  static Mistake wrong_size(void* object, uint8_t factor) {
    const size_t bytes = reslab_usable_size(object);
    const size_t wrong = bytes * (8 + factor) + 65536;
    const std::string what = report("WrongSize", {static_cast<int64_t>(wrong)});
    const auto of = static_cast<int64_t>(bytes);
    return {[=] { reslab_free_sized(object, wrong); },
            object,
            {"free_sized"},
            {what + report("Object", {-1, of}), what + report("LargeBlock", {of})}};
  }

  std::array<void*, kPlaces> objects_ = {};
};

// --- the child -------------------------------------------------------------------------------------------------------

// On one CPU the second of two frees meets the first one's magazine.
void stay_on_one_cpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(sched_getcpu(), &set);
  sched_setaffinity(0, sizeof set, &set);
}

[[noreturn]] void make_in_child(const Mistake& mistake, int output) {
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGALRM}) std::signal(number, SIG_DFL);
  alarm(20);
  dup2(output, STDERR_FILENO);
  mistake.make();
  _exit(0);
}

void require_report(const Mistake& mistake) {
  int ends[2];
  if (pipe(ends) != 0) violated("there is a pipe");
  const pid_t child = fork();
  if (child < 0) violated("there is a child");
  if (child == 0) make_in_child(mistake, ends[1]);
  close(ends[1]);
  std::string said;
  char some[512];
  for (ssize_t got; (got = read(ends[0], some, sizeof some)) > 0;) said.append(some, static_cast<size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  const bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  std::string expected;
  for (const std::string& line : mistake.lines()) {
    if (aborted && fits(said.c_str(), line.c_str())) return;
    expected += line;
  }
  violated("a mistake ends in its report: it ended with status " + std::to_string(status) + " and said\n" + said +
           "instead of one of\n" + expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  stay_on_one_cpu();
  Objects objects;
  for (; size >= 8; data += 4, size -= 4) objects.step(data[0], data[1], size_from(data[2], data[3]));
  require_report(objects.mistake(data[0], data[1], data[2], data[3]));
  return 0;
}
