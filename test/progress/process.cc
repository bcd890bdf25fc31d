// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "failure.h"

namespace progress {

using namespace support;

Findings* findings;

namespace {

cpu_set_t allowed_at_start, home;

Others others;
Hand objects_of_doer;
Ledger before, prepared, after;
size_t prepared_in_hand;

// --- the doer ----------------------------------------------------------------------------------------------------------

enum class Order : uint32_t { kNone, kProve, kPrepare, kRun, kFinish };

class Doer {
 public:
  Doer(const Operation& operation, Channel& channel)
      : operation_(operation), channel_(channel), thread_([this] { serve(); }) {}

  void tell(Order order) {
    done_ = false;
    order_ = order;
    order_.notify_one();
  }
  void await() { done_.wait(false); }
  void tell_and_await(Order order) { tell(order), await(); }

  void move_to(const cpu_set_t& cpus) { pthread_setaffinity_np(thread_.native_handle(), sizeof cpus, &cpus); }
  void* proof() const { return proof_; }

 private:
  void serve() {
    for (Order order = Order::kNone;;) {
      order_.wait(order);
      order = order_.load();
      obey(order);
      done_ = true;
      done_.notify_one();
    }
  }

  void obey(Order order) {
    switch (order) {
      case Order::kProve:
        reslab_free(proof_ = reslab_malloc(kBytes));
        break;
      case Order::kPrepare:
        operation_.prepare(objects_of_doer);
        break;
      case Order::kRun:
        run_traced();
        break;
      case Order::kFinish:
        clean_up();
        break;
      case Order::kNone:
        break;
    }
  }

  void clean_up() {
    objects_of_doer.check();
    objects_of_doer.free_all();
    if (operation_.clean_up != nullptr) operation_.clean_up();
  }

  void run_traced() {
    expect(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0, "this system does not let threads be traced");
    channel_.traced_thread = gettid();
    channel_.send(Message::kTraceMe);
    asm volatile("int3" ::: "memory");
    operation_.run(objects_of_doer);
    asm volatile("int3" ::: "memory");
  }

  const Operation& operation_;
  Channel& channel_;
  void* proof_ = nullptr;
  std::atomic<Order> order_{Order::kNone};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

// --- another CPU -------------------------------------------------------------------------------------------------------

// The ids of the kernel are compact: somebody has to be on the first CPU for the second to be another slot.
void occupy_home() {
  std::thread spinner([] {
    const sched_param any = {};
    sched_setscheduler(0, SCHED_IDLE, &any);
    for (;;) asm volatile("pause");
  });
  spinner.detach();
}

cpu_set_t another_cpu() {
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed_at_start) || CPU_ISSET(cpu, &home)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return one;
  }
  return home;
}

uint64_t metadata_bytes() {
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  return stats.bytes_metadata;
}

// --- the course of things ----------------------------------------------------------------------------------------------

void set_up(const Operation& operation, const Deed& deed, Doer& doer) {
  if (operation.where != Where::kNewCpu && operation.where != Where::kNewProcess) doer.tell_and_await(Order::kProve);
  others.hire(doer.proof());
  if (operation.where == Where::kNewCpu) occupy_home();
  if (deed.before != nullptr && operation.where != Where::kNewProcess) deed.before(others);
  if (operation.where != Where::kNewProcess) before.take();
  doer.tell_and_await(Order::kPrepare);
  if (operation.where != Where::kNewProcess) prepared.take();
  prepared_in_hand = objects_of_doer.count();
  if (operation.where != Where::kNewCpu) return;
  const cpu_set_t elsewhere = another_cpu();
  doer.move_to(elsewhere);
  others.move_to(elsewhere);
}

bool do_it(const Operation& operation, const Deed& deed, Doer& doer, Channel& channel) {
  doer.tell(Order::kRun);
  const Message message = channel.receive();
  expect(message == Message::kStopped || message == Message::kMissed, "the tracer is gone");
  if (message == Message::kStopped && deed.meanwhile != nullptr) deed.meanwhile(operation);
  channel.send(Message::kDone);
  expect(channel.receive() == Message::kEnd, "the tracer is gone");
  doer.await();
  return message == Message::kStopped;
}

void finish(Doer& doer) {
  doer.tell_and_await(Order::kFinish);
  after.take();  // while all threads live: what libc keeps for them is in it as it was before
  after.expect_same(before, "with the operation done");
  expect_sound_heap("with the operation done");
}

}  // namespace

Others& crew() { return others; }
const Hand& hand() { return objects_of_doer; }
const Ledger& at_rest() { return prepared; }
size_t in_hand_at_rest() { return prepared_in_hand; }

void share_findings() {
  void* page = mmap(nullptr, sizeof(Findings), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  expect(page != MAP_FAILED, "no shared memory");
  findings = static_cast<Findings*>(page);
}

void stay_on_one_cpu() {
  sched_getaffinity(0, sizeof allowed_at_start, &allowed_at_start);
  const int cpu = sched_getcpu();
  CPU_ZERO(&home);
  CPU_SET(cpu, &home);
  expect(sched_setaffinity(0, sizeof home, &home) == 0, "this system does not let threads be bound to CPU %d", cpu);
}

bool has_another_cpu() { return CPU_COUNT(&allowed_at_start) > 1; }

void play(const Operation& operation, const Deed& deed, Channel& channel) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  static Doer doer(operation, channel);
  set_up(operation, deed, doer);
  const bool new_cpu = operation.where == Where::kNewCpu;
  const uint64_t metadata_before = new_cpu ? metadata_bytes() : 0;
  const bool was_stopped = do_it(operation, deed, doer, channel);
  if (new_cpu) expect(metadata_bytes() > metadata_before, "the CPU was not new");
  if (was_stopped && deed.after != nullptr) deed.after(others);
  finish(doer);
  _exit(0);
}

}  // namespace progress
