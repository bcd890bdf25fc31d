// A drain closes the magazine of another CPU while a pop is in flight there, which commits `top` over the closed header
// before the fence is done (3). The popper owns its object then: the drain must see that it lost that race, and give
// out what is left and nothing else. Played by one thread: the pop's commit is made where the kernel would let it
// happen, in the fence, which a seccomp filter turns into a signal.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <csignal>
#include <cstddef>
#include <set>

#include "cache/drain.h"
#include "cache/magazine.h"
#include "catcher.h"

using namespace catcher;
using namespace reslab;

namespace {

constexpr ClassId kClass = 1;  // its first slot follows the reserved words: the class most easily taken for closed
constexpr int kFence = 1 << 7;

uint32_t slot;
volatile int fences;
volatile bool commit_in_fence;
std::set<void*>* drained;

// The pop was in flight from begin + 1, had read its object and now commits.
void on_fence(int, siginfo_t*, void* context) {
  auto* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  registers[REG_RAX] = 0;  // the membarrier has succeeded
  fences = fences + 1;
  if (!commit_in_fence) return;
  commit_in_fence = false;
  reinterpret_cast<std::atomic<uint32_t>&>(header_word(slot, kClass)).store(class_info(kClass).begin);
}

void make_fences_signals() {
  struct sigaction action = {};
  action.sa_sigaction = on_fence;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSYS, &action, nullptr);
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kFence, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  const bool filtered =
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
  expect(filtered, "no seccomp filter can be set here");
}

void visit(ClassId, void* object) { expect(drained->insert(object).second, "the drain has visited %p twice", object); }

// Leaves `count` objects in the magazine, bottom first in `objects`.
void fill_magazine(void** objects, uint32_t count) {
  const ClassInfo& info = class_info(kClass);
  header_word(slot, kClass).store(header_of(info.begin + count, info.begin + 8));
  for (uint32_t i = 0; i < count; ++i) slot_words(slot)[info.begin + i].store(objects[i]);
}

void drain(void** objects, uint32_t count) {
  fill_magazine(objects, count);
  drained->clear();
  fences = 0;
  magazine_drain(slot, kClass, visit);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  expect(with_rseq() && fence_available, "the fence is what this is about");
  // A slot of no thread, if there is one; the test itself uses no other class meanwhile in any case.
  slot = slots().count() - 1;
  expect(slots().make_ready(slot), "no memory for a region");
  std::set<void*> memory;
  drained = &memory;
  void* objects[3];
  for (void*& object : objects) object = reslab_malloc(16);
  make_fences_signals();

  commit_in_fence = false;
  drain(objects, 3);
  expect(fences > 0, "objects left a magazine before the fence");
  expect(drained->size() == 3, "an undisturbed drain has found %zu objects of 3", drained->size());

  commit_in_fence = true;
  drain(objects, 1);
  expect(drained->empty(), "the drain has given out an object that a pop in flight owns");
  expect(header_word(slot, kClass).load() == header_of(class_info(kClass).begin, class_info(kClass).begin + 8),
         "the magazine is not open and empty behind the drain");
}
