// SPDX-License-Identifier: Apache-2.0
#include "heap/debug_guard.h"

#include <signal.h>

#include "base/for_tries.h"
#include "base/hooks.h"
#include "base/thread_line.h"
#include "heap/aside.h"
#include "heap/debug.h"
#include "heap/run.h"
#include "platform/syscall.h"
#include "platform/vm.h"

namespace reslab {
namespace {

constexpr int kSlotTries = 8;

size_t slot_bytes() { return 2 * system_page_bytes(); }
size_t pool_bytes() { return GuardPool::kSlots * slot_bytes(); }

// Who had the signal before. Two places, since a handler may be at one while it is replaced by the other (take_signal).
struct sigaction former_actions[2];
constinit std::atomic<const struct sigaction*> former_action{nullptr};

char* page_of(const GuardPool& guards, uint32_t slot) {
  return guards.pages.load(std::memory_order_acquire) + slot * slot_bytes();
}

[[noreturn]] void report_fault(const char* address) {
  DebugTables& tables = *debug_tables.load(std::memory_order_acquire);
  const GuardSlot& slot = guard_slot_of(tables, address);
  const uint64_t word = slot.word.load(std::memory_order_relaxed);
  const uint64_t byte = reinterpret_cast<uintptr_t>(address) - slot.object.load(std::memory_order_relaxed);
  const bool is_there = DebugRecord::state_of(word) != DebugState::kFreed;
  Line line;
  begin_report(line, "fault", address);
  say(line, is_there ? Report::kGuardPastEnd : Report::kGuardAfterFree, {byte, DebugRecord::bytes_of(word)});
  line.write_to(2);
  print_history(address);
  die_said();
}

// In either form: the two share their place.
bool is_handled(const struct sigaction& action) { return action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN; }

// As if this handler were not here. An instruction that has faulted does so again; what a process has sent comes once.
void fall_back(const struct sigaction& former, bool is_sent) {
  if (is_sent && former.sa_handler == SIG_IGN) return;
  sigaction(SIGSEGV, &former, nullptr);
  if (is_sent) sys_call(SYS_tgkill, sys_call(SYS_getpid), sys_call(SYS_gettid), SIGSEGV);
}

void on_fault(int number, siginfo_t* info, void* context) {
  const bool is_sent = info->si_code <= 0;  // then no address comes with it
  if (!is_sent && guard_owns(*debug_tables.load(std::memory_order_acquire), info->si_addr)) {
    report_fault(static_cast<const char*>(info->si_addr));
  }
  // acquire: what take_signal() has written there.
  const struct sigaction& former = *former_action.load(std::memory_order_acquire);
  if (!is_handled(former)) return fall_back(former, is_sent);
  if ((former.sa_flags & SA_SIGINFO) != 0) return former.sa_sigaction(number, info, context);
  former.sa_handler(number);
}

// With the mask and the flags of the handler that was there, so that the kernel does for it what it asked for: what is
// blocked meanwhile, on which stack it runs, whether it is called once only. Without one, on an alternate stack if there
// is any: the fault may be a stack's overflow.
void take_signal() {
  sigaction(SIGSEGV, nullptr, &former_actions[0]);
  // release: another thread may be in the handler before the next call has come back.
  former_action.store(&former_actions[0], std::memory_order_release);
  struct sigaction action = former_actions[0];
  action.sa_flags = is_handled(action) ? action.sa_flags | SA_SIGINFO : SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  action.sa_sigaction = on_fault;
  sigaction(SIGSEGV, &action, &former_actions[1]);
  former_action.store(&former_actions[1], std::memory_order_release);  // if one was installed between the two calls
}

// Units that cannot be touched must not be handed out: if they cannot be had back, they stay this run's for ever.
void give_back_pages(char* pages, size_t bytes) {
  if (vm_make_writable(pages, bytes)) run_free(unit_of(pages), Contract::kPlain);
}

// Each comer makes pages, one publishes its own.
bool ensure_pool(GuardPool& guards) {
  if (guards.pages.load(std::memory_order_acquire) != nullptr) return true;
  if (must_keep_aside()) return false;
  const SlowCall slow;
  const size_t bytes = pool_bytes();
  auto* made = static_cast<char*>(run_allocate({bytes, 16, Contract::kPlain, Fill::kAny, Retry::kOwnBucket}));
  if (made == nullptr) return false;
  if (!vm_make_unreadable(made, bytes)) {  // a part of them may be by now: the run may be several mappings
    give_back_pages(made, bytes);
    return false;
  }
  char* none = nullptr;
  if (!guards.pages.compare_exchange_strong(none, made, std::memory_order_acq_rel)) {
    give_back_pages(made, bytes);
    return true;
  }
  take_signal();
  return true;
}

// A slot that holds nothing, now the caller's.
GuardSlot* claim_slot(GuardPool& guards, size_t bytes) {
  for ([[maybe_unused]] int round : for_tries(kSlotTries)) {
    GuardSlot& slot = guards.slots[guards.next.fetch_add(1, std::memory_order_relaxed) % GuardPool::kSlots];
    uint64_t word = slot.word.load(std::memory_order_relaxed);
    const DebugState state = DebugRecord::state_of(word);
    if (state != DebugState::kUntracked && state != DebugState::kFreed) continue;
    const uint64_t live = DebugRecord::word_of(DebugState::kLive, bytes);
    RESLAB_HOOK("guard_claim");
    if (slot.word.compare_exchange_strong(word, live, std::memory_order_acq_rel)) return &slot;
  }
  return nullptr;  // others are as good
}

[[noreturn]] void report_slot(Report report, const GuardSlot& slot, const char* call, const void* address) {
  const uint64_t byte = reinterpret_cast<uintptr_t>(address) - slot.object.load(std::memory_order_relaxed);
  const size_t bytes = DebugRecord::bytes_of(slot.word.load(std::memory_order_relaxed));
  Line line;
  begin_report(line, call, address);
  if (report == Report::kInteriorOfGuarded) say(line, report, {byte, bytes});
  else say(say(line, report), Report::kGuarded, {bytes});
  line.write_to(2);
  print_history(address);
  die_said();
}

DebugState state_of(const GuardSlot& slot) { return DebugRecord::state_of(slot.word.load(std::memory_order_relaxed)); }

GuardSlot& require_start(DebugTables& tables, const void* object, const char* call) {
  GuardSlot& slot = guard_slot_of(tables, object);
  if (slot.object.load(std::memory_order_relaxed) != reinterpret_cast<uintptr_t>(object)) {
    report_slot(Report::kInteriorOfGuarded, slot, call, object);
  }
  return slot;
}

// A free of what is not live, or of what a free on another thread has taken.
[[noreturn]] void report_twice(const GuardSlot& slot, DebugState wanted, const char* call, const void* object) {
  const bool waits = state_of(slot) == DebugState::kRetired || state_of(slot) == DebugState::kWaiting;
  report_slot(waits && wanted == DebugState::kRetired ? Report::kDoubleFreeRetired : Report::kDoubleFree, slot, call,
              object);
}

// One of two frees wins. seq_cst: what the caller has done to make a retired object unreachable comes before.
void end(GuardSlot& slot, DebugState state, const char* call, const void* object) {
  uint64_t word = slot.word.load(std::memory_order_relaxed);
  const uint64_t ended = DebugRecord::word_of(state, DebugRecord::bytes_of(word));
  const bool won = DebugRecord::state_of(word) == DebugState::kLive &&
                   slot.word.compare_exchange_strong(word, ended, std::memory_order_seq_cst);
  if (!won) report_twice(slot, state, call, object);
}

// The reclaimer's: calls visit(slot) for those in the state, which become `next`. Nobody else writes their words: whoever
// finds one that is not live reports it.
template <class Visit>
Retired move_on(GuardPool& guards, DebugState state, DebugState next, Visit visit) {
  Retired moved = {0, 0};
  for (GuardSlot& slot : guards.slots) {
    const uint64_t word = slot.word.load(std::memory_order_seq_cst);  // see end()
    if (DebugRecord::state_of(word) != state) continue;
    visit(slot);
    // release: who claims the slot finds the page closed.
    slot.word.store(DebugRecord::word_of(next, DebugRecord::bytes_of(word)), std::memory_order_release);
    moved.objects += 1;
    moved.bytes += guarded_bytes();
  }
  return moved;
}

void close_page(const GuardPool& guards, const GuardSlot& slot) {
  vm_make_unreadable(page_of(guards, static_cast<uint32_t>(&slot - guards.slots)), system_page_bytes());
}

}  // namespace

bool guard_owns(const DebugTables& tables, const void* address) {
  const char* pages = tables.guards.pages.load(std::memory_order_acquire);
  return pages != nullptr && reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(pages) < pool_bytes();
}

GuardSlot& guard_slot_of(DebugTables& tables, const void* address) {
  const char* pages = tables.guards.pages.load(std::memory_order_acquire);
  return tables.guards.slots[static_cast<size_t>(static_cast<const char*>(address) - pages) / slot_bytes()];
}

void* guard_allocate(DebugTables& tables, const Request& request) {
  GuardPool& guards = tables.guards;
  const size_t page_bytes = system_page_bytes();
  const bool is_possible =
      request.contract == Contract::kPlain && request.bytes <= page_bytes && request.align <= page_bytes;
  if (!is_possible || guards.calls.fetch_add(1, std::memory_order_relaxed) % tables.settings.guard_every != 0) {
    return nullptr;
  }
  GuardSlot* slot = ensure_pool(guards) ? claim_slot(guards, request.bytes) : nullptr;
  if (slot == nullptr) return nullptr;
  RESLAB_HOOK("guard_claimed");
  char* page = page_of(guards, static_cast<uint32_t>(slot - guards.slots));
  if (!vm_make_writable(page, page_bytes)) {
    slot->word.store(0, std::memory_order_relaxed);
    return nullptr;
  }
  const size_t align = request.align < 16 ? 16 : request.align;
  char* object = page + ((page_bytes - request.bytes) & ~(align - 1));
  __builtin_memset(object, request.fill == Fill::kZero ? 0 : kNewByte, request.bytes);
  note_event(tables, slot->allocated);
  slot->freed.ticks.store(0, std::memory_order_relaxed);
  slot->freed.stack.store(0, std::memory_order_relaxed);
  slot->object.store(reinterpret_cast<uintptr_t>(object), std::memory_order_relaxed);
  return object;
}

bool guard_free(DebugTables& tables, void* object, Contract contract, const char* call) {
  if (!guard_owns(tables, object)) return false;
  GuardSlot& slot = require_start(tables, object, call);
  if (state_of(slot) != DebugState::kLive) report_twice(slot, DebugState::kFreed, call, object);
  RESLAB_HOOK("guard_free");
  note_event(tables, slot.freed);
  if (contract == Contract::kPlain) close_page(tables.guards, slot);
  end(slot, DebugState::kFreed, call, object);
  return true;
}

bool guard_retire(DebugTables& tables, const void* object, const char* call) {
  if (!guard_owns(tables, object)) return false;
  GuardSlot& slot = require_start(tables, object, call);
  if (state_of(slot) != DebugState::kLive) report_twice(slot, DebugState::kRetired, call, object);
  note_event(tables, slot.freed);
  end(slot, DebugState::kRetired, call, object);
  tables.guards.some_retired.store(true, std::memory_order_seq_cst);  // behind the word (R1)
  return true;
}

bool guard_has_retired(const DebugTables& tables) { return tables.guards.some_retired.load(std::memory_order_relaxed); }

Retired guard_take_retired(DebugTables& tables, Search search) {
  // Before the words are looked at (R1): whose store comes later is found the next time.
  const bool is_told = tables.guards.some_retired.exchange(false, std::memory_order_seq_cst);
  if (!is_told && search != Search::kAll) return {0, 0};
  return move_on(tables.guards, DebugState::kRetired, DebugState::kWaiting, [](GuardSlot&) {});
}

Retired guard_give_back(DebugTables& tables) {
  return move_on(tables.guards, DebugState::kWaiting, DebugState::kFreed,
                 [&](const GuardSlot& slot) { close_page(tables.guards, slot); });
}

Retired guard_adopt(DebugTables& tables) {
  move_on(tables.guards, DebugState::kWaiting, DebugState::kRetired, [](GuardSlot&) {});
  tables.guards.some_retired.store(true, std::memory_order_release);
  return move_on(tables.guards, DebugState::kRetired, DebugState::kRetired, [](GuardSlot&) {});
}

bool guard_usable_bytes(DebugTables& tables, const void* object, const char* call, size_t& bytes) {
  if (!guard_owns(tables, object)) return false;
  const GuardSlot& slot = require_start(tables, object, call);
  if (state_of(slot) == DebugState::kFreed) report_slot(Report::kUsedAfterFree, slot, call, object);
  bytes = DebugRecord::bytes_of(slot.word.load(std::memory_order_relaxed));
  return true;
}

}  // namespace reslab
