// SPDX-License-Identifier: Apache-2.0
#include "walker.h"

#include "cpu_slot.h"
#include "failure.h"
#include "instructions.h"
#include "library.h"
#include "nested.h"
#include "random.h"
#include "settings.h"
#include "stock.h"

namespace reentry {
namespace {

constexpr size_t kQuickKinds =
    4;  // of nested operations: the first ones of the table, which take most from the walked one

}  // namespace

Walker::Walker(const Operation& operation, uint64_t seed, size_t most_nested)
    : operation_(operation), seed_(seed), most_nested_(most_nested), is_on_way_(Library::get().text_bytes()) {
  scene.operation = operation.name;
  way_places_.reserve(8192);
}

void Walker::begin_call() {
  steps_ = 0;
  nested_in_call_ = 0;
  is_raging_ = fault_.kind == Fault::Kind::kNone;
  is_in_library_ = false;
  next_fails_too_ = false;
  is_behind_hook_ = false;
  resume_at_ = 0;
  entry_sp_ = 0;
  deepest_ = 0;
}

void Walker::end_call() {
  if (steps_ > most_.steps) most_.steps = steps_;
  if (deepest_ > most_.stack_bytes) most_.stack_bytes = deepest_;
  release_nested();
  scene.place = 0;
  scene.step = 0;
}

void Walker::step(Way way, const char* name) {
  scene.way = name;
  way_ = way;
  begin_call();
  Call call(operation_);
  struct Body {
    Walker* walker;
    Call* call;
    uintptr_t result;
  } body{this, &call, 0};
  call.around(
      [](void* context) {
        auto& own = *static_cast<Body*>(context);
        const Operation& operation = own.walker->operation_;
        own.result = step_through(*own.walker, own.call->entry(), own.call->argument(operation.a),
                                  own.call->argument(operation.b), own.call->argument(operation.c));
      },
      &body);
  end_call();
  call.finish(body.result, fault_.kind != Fault::Kind::kNone);
}

void Walker::look() {
  const Undisturbed undisturbed;
  if (operation_.deed != nullptr) faults_.add({Fault::Kind::kDeed});
  step(Way::kLook, "look");
}

void Walker::storm() {
  const Undisturbed undisturbed;
  step(Way::kStorm, "storm");
}

void Walker::storm_with_aborts() { step(Way::kStorm, "storm with aborts"); }

// Where not all nested operations are wanted, a race is lost once in the process: its way on is the same for every call.
bool Walker::wants(const Fault& fault) {
  if (fault.kind == Fault::Kind::kDeed) return true;
  if (!operation_.is(kFaults)) return false;
  if (fault.kind == Fault::Kind::kSystemCall || most_nested_ == SIZE_MAX) return true;
  if (operation_.is(kEachRace)) return true;
  const bool is_new = !Coverage::get().has(fault.place, Interrupted::kFaulted);
  Coverage::get().mark(fault.place, Interrupted::kFaulted);
  return is_new;
}

void Walker::storms_with_faults() {
  constexpr int kMostGaps = 4;
  const bool wants_all = most_nested_ == SIZE_MAX;  // another process will go on then
  const size_t n = faults_.found().size();
  for (size_t i = 0; i < n && !time_is_over() && !(wants_all && has_hoarded_much()); ++i) {
    const Fault fault = faults_.found()[wants_all ? (seed_ + i) % n : i];
    if (!wants(fault)) continue;
    storm_with(fault);
    release_stock();  // what the failure has left behind must not show in the next state
    for (int i = 0; i < kMostGaps && fill_gap(fault); ++i) release_stock();
    release_stock();
    if (!operation_.is(kTwoFail) || fault.kind != Fault::Kind::kSystemCall) continue;
    storm_with({Fault::Kind::kTwoSystemCalls, fault.place});
    release_stock();
  }
}

void Walker::storm_with(const Fault& fault) {
  fault_ = fault;
  {
    const Undisturbed undisturbed;
    step(Way::kStorm, name_of(fault.kind));
  }
  fault_ = {};
}

bool Walker::fill_gap(const Fault& fault) {
  fault_ = fault;
  wants_gaps_ = true;
  {
    const Undisturbed undisturbed;
    step(Way::kStorm, "gap");
  }
  wants_gaps_ = false;
  fault_ = {};
  return nested_in_call_ > 0;
}

void Walker::visit(uintptr_t place) {
  was_met_ = false;
  begin_call();
  Call call(operation_);
  struct Body {
    Walker* walker;
    Call* call;
    uintptr_t place;
    uintptr_t result;
  } body{this, &call, place, 0};
  call.around(
      [](void* context) {
        auto& own = *static_cast<Body*>(context);
        const Operation& operation = own.walker->operation_;
        const uintptr_t a = own.call->argument(operation.a), b = own.call->argument(operation.b),
                        c = own.call->argument(operation.c);
        own.walker->breakpoint_->arm(own.place);
        own.result = own.call->entry()(a, b, c);
        stop_stepping();
        own.walker->breakpoint_->disarm();
      },
      &body);
  end_call();
  call.finish(body.result, false);
}

// At addresses in the middle of an instruction nothing is met.
void Walker::visit_callback(const char* symbol) {
  scene.way = "callback";
  way_ = Way::kStorm;
  auto place = reinterpret_cast<uintptr_t>(Library::get().symbol(symbol));
  size_t met = 0;
  for (; Library::get().function_at(place) == symbol; ++place) {
    visit(place);
    met += was_met_ ? 1 : 0;
  }
  if (met == 0) fail("nothing calls %s", symbol);
}

void Walker::each_place(Choice choice) {
  constexpr size_t kSome = 16;  // one in so many
  scene.way = "each place";
  way_ = Way::kStorm;
  for (size_t i = 0; i < way_places_.size(); ++i) {
    const uintptr_t place = way_places_[i];
    const bool is_new = !Coverage::get().has(
        place, Library::get().is_inside_section(place) ? Interrupted::kByBreakpoint : Interrupted::kBefore);
    if (is_new || (choice == Choice::kNewAndSome && (seed_ + i) % kSome == 0)) {
      visit(place);
      count_visit();
    }
  }
}

// From where the seed says on: a row that time does not suffice for has another part of it walked each time.
size_t Walker::all_places(size_t from) {
  const size_t n = way_places_.size();
  const size_t first = support::Random(seed_).below(n);
  size_t i = from;
  for (; i < n && !time_is_over() && (i == from || !has_hoarded_much()); ++i) {
    const uintptr_t place = way_places_[(first + i) % n];
    const size_t kind = kind_for(place, seed_);
    scene.way = "each place";
    way_ = Way::kStorm;
    visit(place, kind);
    count_visit();
    if (is_atomic(place)) chase(place, kind);
  }
  return i;
}

void Walker::count_visit() {
  ++places_wanted_;
  places_met_ += was_met_ ? 1 : 0;
}

void Walker::visit(uintptr_t place, size_t kind) {
  kind_ = kind;
  has_kind_ = true;
  visit(place);
  has_kind_ = false;
}

void Walker::chase(uintptr_t place, size_t kind) {
  scene.way = "chase";
  way_ = Way::kChase;
  visit(place, kind);
}

void Walker::chase_races() {
  for (const uintptr_t place : way_places_) {
    if (!is_atomic(place) || Coverage::get().has(place, Interrupted::kChased)) continue;
    Coverage::get().mark(place, Interrupted::kChased);
    for (size_t kind = 0; kind < kQuickKinds; ++kind) chase(place, kind);
  }
}

// Another one for each of as many seeds as there are nested operations.
size_t kind_for(uintptr_t place, uint64_t seed) { return (Library::get().link_address(place) + seed) % nested_count(); }

}  // namespace reentry
