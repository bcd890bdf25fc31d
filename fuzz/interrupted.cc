// SPDX-License-Identifier: Apache-2.0
#include "interrupted.h"

#include <signal.h>

#include <memory>
#include <vector>

#include "hooks.h"

namespace fuzz {
namespace {

constexpr int kSignal = SIGURG;  // libFuzzer has none for it

unsigned passings_left = 0;  // 0: no signal is to come
const std::function<void()>* in_handler = nullptr;

void on_hook(void*) {
  if (passings_left > 0 && --passings_left == 0) raise(kSignal);
}

void on_signal(int) { (*in_handler)(); }

void set_hooks() {
  static std::vector<std::unique_ptr<support::Hook>> hooks;
  if (!hooks.empty()) return;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_NODEFER;  // a handler is interrupted as well
  sigaction(kSignal, &action, nullptr);
  for (const std::string& name : support::hook_names()) {
    hooks.push_back(std::make_unique<support::Hook>(name.c_str(), on_hook));
  }
}

}  // namespace

void do_interrupted(unsigned passing, const std::function<void()>& work, const std::function<void()>& handler) {
  set_hooks();
  const auto* const outer = in_handler;
  in_handler = &handler;
  passings_left = passing;
  work();
  passings_left = 0;  // and so it is where a handler calls this: its signal has come
  in_handler = outer;
}

}  // namespace fuzz
