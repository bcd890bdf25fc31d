// SPDX-License-Identifier: Apache-2.0
#include "contexts.h"

#include <asm/prctl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "record.h"
#include "scheduler.h"
#include "scripted_cpu.h"
#include "state.h"

namespace schedules {
namespace {

constexpr size_t kStackBytes = 256 << 10;
constexpr size_t kOfItsThread = 32 << 10;  // at the top: thread-local memory, and the frames of the thread that has it

struct Context {
  const void* thread_pointer;
  void* stack_pointer;
};

// In libc's heap, and so in no state: where a thread's stack was left when it last had to wait says nothing.
struct All {
  Context contexts[kMostThreads + 1] = {};  // the last is the main one
  int current = kMostThreads;
  void (*begin_with)(int number) = nullptr;
} * all;

int index_of(int number) { return number == kMainContext ? kMostThreads : number; }

struct Birth {
  Context* context;
  bool scripted;
  sem_t done;
};

void* lend_thread(void* argument) {
  auto* birth = static_cast<Birth*>(argument);
  birth->context->thread_pointer = __builtin_thread_pointer();
  if (birth->scripted) support::take_over_rseq();
  sem_post(&birth->done);
  for (;;) pause();
}

void lend_thread_to(Context& context, bool scripted, char* stack) {
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, kStackBytes);
  Birth birth = {&context, scripted, {}};
  sem_init(&birth.done, 0, 0);
  if (pthread_create(&thread, &attributes, lend_thread, &birth) != 0) violation("no thread");
  while (sem_wait(&birth.done) != 0) {}
  context.stack_pointer = stack + kStackBytes - kOfItsThread;
}

void set_thread_pointer(const void* pointer) {
  long result;
  asm volatile("syscall" : "=a"(result) : "0"(SYS_arch_prctl), "D"(ARCH_SET_FS), "S"(pointer) : "rcx", "r11", "memory");
}

}  // namespace

// Pushes what a function must keep, and notes where; takes up there the other one has left.
extern "C" void schedules_switch_stack(void** leave, void* enter);
asm(R"(
  .text
  .type schedules_switch_stack, @function
schedules_switch_stack:
  pushq %rbx
  pushq %rbp
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbp
  popq %rbx
  ret
  .size schedules_switch_stack, . - schedules_switch_stack
)");

static void begin_context() { all->begin_with(all->current); }

void make_contexts(int count, bool scripted) {
  all = new All;
  const size_t bytes = static_cast<size_t>(count) * kStackBytes;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) violation("no memory for stacks");
  exclude_from_states(memory, bytes);
  for (int i = 0; i < count; ++i) {
    lend_thread_to(all->contexts[i], scripted, static_cast<char*>(memory) + static_cast<size_t>(i) * kStackBytes);
  }
  all->contexts[kMostThreads].thread_pointer = __builtin_thread_pointer();
}

void ready_contexts(void (*function)(int number)) {
  all->begin_with = function;
  for (int i = 0; i < kMostThreads && all->contexts[i].thread_pointer != nullptr; ++i) {
    // As schedules_switch_stack leaves one: six registers, where it goes on, and nowhere to return to from there.
    auto* words = static_cast<uint64_t*>(all->contexts[i].stack_pointer) - 8;
    for (int word = 0; word < 8; ++word) words[word] = 0;
    words[6] = reinterpret_cast<uint64_t>(begin_context);
    all->contexts[i].stack_pointer = words;
  }
}

void switch_to_context(int number) {
  Context &from = all->contexts[all->current], &to = all->contexts[index_of(number)];
  all->current = index_of(number);
  set_thread_pointer(to.thread_pointer);
  schedules_switch_stack(&from.stack_pointer, to.stack_pointer);
}

}  // namespace schedules
