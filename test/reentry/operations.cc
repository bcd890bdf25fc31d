// SPDX-License-Identifier: Apache-2.0
#include "operations.h"

#include <reslab/reslab.h>

#include <memory>
#include <utility>

#include "failure.h"
#include "hooks.h"
#include "library.h"
#include "local_calls.h"
#include "nested.h"
#include "objects.h"
#include "stock.h"
#include "typed.h"

namespace reentry {
namespace {

constexpr size_t kOtherBytes = 208;  // of a class that nothing else uses

void* given_through_pointer;

Entry entry_of(const char* symbol) {
  const Entry local = local_call(symbol);
  return local != nullptr ? local : reinterpret_cast<Entry>(Library::get().symbol(symbol));
}

// --- the deed ------------------------------------------------------------------------------------------------------

struct {
  const Operation* operation;
  bool is_armed;
  bool is_done;
} deed;

// --- the walked call in the middle of another one ------------------------------------------------------------------

// What the lock's hook calls, once for each Call::around.
struct Inside {
  void (*walk)(void*);
  void* context;
  bool done = false;
};
void walk_inside(void* context) {
  auto& inside = *static_cast<Inside*>(context);
  if (inside.done) return;
  inside.done = true;
  deed.is_armed = deed.operation != nullptr;
  inside.walk(inside.context);
  deed.is_armed = false;
}

// What came in bulk: each object is filled, and none is another one.
void expect_distinct(const Operation& operation) {
  static Held all[kBulk];
  if (bulk_count > kBulk) fail("%zu objects came of %zu that were asked for", bulk_count, kBulk);
  for (size_t i = 0; i < bulk_count; ++i) all[i].take(bulk[i], operation.bytes, operation.name);
  for (size_t i = 0; i < bulk_count; ++i) all[i].give();
}

void inside_give(Inside& inside) {
  const support::Hook giving("slab_give", walk_inside, &inside);
  reslab_free_nolock(std::exchange(the_last, nullptr));
  if (!inside.done) fail("the free around it sets no bit");
}

void inside_refill(Inside& inside, size_t bytes) {
  const support::Hook held("local_lock_held", walk_inside, &inside);
  void* outer = plain_malloc(bytes);
  if (!inside.done) fail("the refill around it took no local lock");
  reslab_free(outer);
}

}  // namespace

void call_undisturbed(const Operation& operation, size_t* passes) {
  scene.way = "undisturbed";
  Call call(operation);
  struct Body {
    const Operation* operation;
    Call* call;
    size_t* passes;
    uintptr_t result;
  } body{&operation, &call, passes, 0};
  call.around(
      [](void* context) {
        auto& own = *static_cast<Body*>(context);
        const Operation& operation = *own.operation;
        std::unique_ptr<support::Hook> hook;
        if (operation.passes != nullptr) {
          hook = std::make_unique<support::Hook>(
              operation.passes, [](void* passes) { ++*static_cast<size_t*>(passes); }, own.passes);
        }
        own.result = own.call->entry()(own.call->argument(operation.a), own.call->argument(operation.b),
                                       own.call->argument(operation.c));
      },
      &body);
  call.finish(body.result, false);
}

// Of the walked call itself, not of the nested ones.
void do_deed() {
  if (!deed.is_armed || is_in_nested()) return;
  deed.is_armed = false;
  deed.operation->deed(deed.operation->bytes);
  deed.is_done = true;
}

bool deed_is_done() { return deed.is_done; }

uintptr_t out_pointer() { return reinterpret_cast<uintptr_t>(&given_through_pointer); }

Call::Call(const Operation& operation) : operation_(operation), entry_(entry_of(operation.symbol)) {
  given_through_pointer = nullptr;
  operation.prepare(operation.bytes);
}

void Call::around(void (*walk)(void* context), void* context) {
  Inside inside{walk, context};
  deed = {operation_.deed != nullptr ? &operation_ : nullptr, false, false};
  std::unique_ptr<support::Hook> at;
  if (operation_.deed != nullptr) at = std::make_unique<support::Hook>(operation_.at, [](void*) { do_deed(); });
  if (operation_.is(kInScope) || operation_.a == kTheScope) scope_ = reslab_nolock_save();
  let_nested_fail(scope_ != 0);
  if (operation_.is(kInsideGive)) inside_give(inside);
  else if (operation_.is(kUnderLock)) inside_refill(inside, operation_.bytes);
  else if (operation_.is(kInside)) inside_refill(inside, kOtherBytes);
  else walk_inside(&inside);
  if (operation_.is(kInScope)) reslab_nolock_restore(scope_);
  let_nested_fail(false);
}

uintptr_t Call::argument(uintptr_t wanted) const {
  if (wanted == kTheScope) return scope_;
  if (wanted == kTheGroup) return reinterpret_cast<uintptr_t>(the_group);
  if (wanted == kTheCache) return reinterpret_cast<uintptr_t>(the_cache);
  if (wanted == kTheReserve) return reinterpret_cast<uintptr_t>(reserve);
  return wanted == kTheSubject ? reinterpret_cast<uintptr_t>(the_subject) : wanted;
}

void Call::finish(uintptr_t result, bool may_fail) {
  if (operation_.gives == Gives::kCount) return;
  if (operation_.gives == Gives::kBulk || operation_.gives == Gives::kBulkBack) {
    bulk_count = operation_.gives == Gives::kBulk ? result : 0;
    expect_distinct(operation_);
    return;
  }
  if (operation_.gives == Gives::kScope) {
    reslab_nolock_restore(static_cast<unsigned>(result));
    return;
  }
  if (operation_.gives == Gives::kNothing) {
    if (operation_.is(kOwnSubject)) the_subject = nullptr;
    return;
  }
  void* object =
      operation_.gives == Gives::kObjectThroughPointer ? given_through_pointer : reinterpret_cast<void*>(result);
  if (object == nullptr) {
    if (!may_fail && !operation_.is(kMayFail)) fail("the operation gave nothing");
    return;  // a realloc that failed has left the subject as it was
  }
  if (operation_.is(kMustFail)) fail("the operation gave %p where nothing can be", object);
  if (operation_.is(kOwnSubject)) the_subject = nullptr;
  const size_t bytes = reslab_usable_size(object);
  if (operation_.is(kZeroes)) expect_zero(object, operation_.bytes, operation_.name);
  if (operation_.is(kHoards)) {
    hoard(object);
    return;
  }
  Held held;
  held.take(object, bytes, operation_.name);
  reslab_free(held.give());
}

}  // namespace reentry
