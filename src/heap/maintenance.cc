// SPDX-License-Identifier: Apache-2.0
#include "heap/maintenance.h"

#include <cerrno>

#include "heap/aside.h"
#include "heap/context.h"
#include "heap/root.h"

namespace reslab {

Root* begin_maintenance(const char* call, uintptr_t frame) {
  const auto refuse = [](int why) -> Root* {
    errno = why;
    return nullptr;
  };
  if (!may_maintain(call, frame)) return refuse(EDEADLK);
  if (!ensure_root(Contract::kPlain)) return refuse(ENOMEM);
  resume_repair(root());
  if (must_keep_aside()) return refuse(EDEADLK);  // another thread repairs what this call would walk
  aside_give_back(root().aside, Contract::kPlain);
  return &root();
}

}  // namespace reslab
