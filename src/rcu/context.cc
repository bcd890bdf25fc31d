// SPDX-License-Identifier: Apache-2.0
#include "rcu/context.h"

#include <unistd.h>
#include <urcu/flavor.h>

#include <cerrno>

#include "base/text.h"
#include "rcu/rcu.h"

namespace reslab {
namespace {

void refuse(const char* call, const char* reason) {
  rcu.refused.fetch_add(1, std::memory_order_relaxed);
  Line line;
  line.text("reslab: ").text(call).text(" ").text(reason).text(", refused: it could wait for ever");
  line.write_to(STDERR_FILENO);
}

}  // namespace

void refuse_waiting(const char* call, int error) {
  switch (error) {
    case EDEADLK:
      return refuse(call, "where no grace period can end any more");
    case EPERM:
      return refuse(call, "without the fence of membarrier, which the system refuses by now");
    case ENOTSUP:
      return refuse(call, "without a core of this version");
    default:
      return refuse(call, "without a thread that frees, which could not be made");
  }
}

bool is_in_read_section() {
  const rcu_flavor_struct* flavor = rcu.flavor.load(std::memory_order_acquire);
  if (flavor == nullptr) flavor = &urcu_memb_flavor;  // whoever waits before a flavour is chosen chooses this one
  return !is_qsbr(flavor) && flavor->read_ongoing() != 0;
}

bool may_wait_for_readers(const char* call, uintptr_t frame) {
  const RcuCore& core = rcu.core();
  if (is_in_read_section()) {
    refuse(call, "inside a read section");
    return false;
  }
  if (core.in_nolock_scope()) {
    refuse(call, "inside a nolock scope");
    return false;
  }
  if (!core.may_wait(call, frame)) {
    refuse(call, "in a handler");
    return false;
  }
  return true;
}

Offline::Offline() : was_online_(false) {
  const rcu_flavor_struct* flavor = rcu.flavor.load(std::memory_order_acquire);
  if (flavor == nullptr || !is_qsbr(flavor) || flavor->read_ongoing() == 0) return;
  was_online_ = true;
  flavor->thread_offline();
}

Offline::~Offline() {
  if (was_online_) rcu.flavor.load(std::memory_order_acquire)->thread_online();
}

}  // namespace reslab
