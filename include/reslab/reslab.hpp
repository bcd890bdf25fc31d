// SPDX-License-Identifier: Apache-2.0
// reslab for C++17 and later.
//
//   allocator<T>               a standard allocator; allocate_at_least() gives what an allocation really has
//   memory_resource            std::pmr, of the plain family; charged to a group if it is given one
//   nolock_memory_resource     std::pmr of class any: throws std::bad_alloc where reslab_malloc_nolock gives NULL
//   nolock_scope, group_scope  reslab_nolock_save and restore, reslab_group_enter and leave, as objects
//   cache<T>                   a typed cache: construct(), destroy(), make() for a std::unique_ptr
//
// And what comes after C++26's `<rcu>`: retiring objects, with or without a base class.
//
//   rcu_retire(p)          destroys *p and frees its memory after a grace period. Where T has no destructor to run this is
//                          reslab_free_rcu itself, class any+wake; otherwise class plain.
//   rcu_obj_base<T>        a base of T that gives it retire(), which never allocates
//   rcu_synchronize()      waits for a grace period
//   rcu_barrier()          waits until all that was retired is destroyed and freed
//
// Destructors need a thread to run on, and libreslab-rcu calls nothing back: they run in later calls of these functions,
// on the caller's thread, as C++26 allows; rcu_barrier runs all. Memory must come from reslab (its malloc family, its
// operator new where that is preloaded or linked). The waiting ones return false where they were refused (reslab/rcu.h).
//
// Built without exceptions, what throws here ends the program. All files of a program are to agree on exceptions and RTTI.
#ifndef RESLAB_RESLAB_HPP
#define RESLAB_RESLAB_HPP

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <new>
#include <type_traits>
#include <utility>

#include <reslab/rcu.h>
#include <reslab/reslab.h>

namespace reslab {

// Plain calls of this thread keep the contract of class any while it lives.
class nolock_scope {
 public:
  nolock_scope() noexcept : saved_(reslab_nolock_save()) {}
  ~nolock_scope() { reslab_nolock_restore(saved_); }
  nolock_scope(const nolock_scope&) = delete;
  nolock_scope& operator=(const nolock_scope&) = delete;

 private:
  unsigned saved_;
};

// Plain allocations of this thread are charged to the group while it lives.
class group_scope {
 public:
  // Enters the group's scope.
  explicit group_scope(reslab_group* group) noexcept { reslab_group_enter(group); }
  ~group_scope() { reslab_group_leave(); }
  group_scope(const group_scope&) = delete;
  group_scope& operator=(const group_scope&) = delete;
};

namespace detail {

template <class Exception>
[[noreturn]] inline void fail() {
#ifdef __cpp_exceptions
  throw Exception();
#else
  __builtin_trap();
#endif
}

inline void* require(void* memory) {
  if (memory == nullptr) fail<std::bad_alloc>();
  return memory;
}

}  // namespace detail

// Of C++23, or the same where the library has none.
#ifdef __cpp_lib_allocate_at_least
template <class Pointer>
using allocation_result = std::allocation_result<Pointer>;
#else
template <class Pointer>
struct allocation_result {
  Pointer ptr;        // to the first object
  std::size_t count;  // of objects that there is room for
};
#endif

// Plain memory for containers. It has no state: each frees what any other has allocated.
template <class T>
class allocator {
 public:
  using value_type = T;                                           // of the container
  using propagate_on_container_move_assignment = std::true_type;  // memory moves
  using is_always_equal = std::true_type;                         // without state

  allocator() noexcept = default;
  // Of another type: the same memory.
  template <class U>
  allocator(const allocator<U>&) noexcept {}

  // Memory for `count` objects. Throws std::bad_alloc, or std::bad_array_new_length when no size is that large.
  [[nodiscard]] T* allocate(std::size_t count) { return static_cast<T*>(get(bytes_of(count))); }

  // At least `count`: as many as the memory has room for.
  [[nodiscard]] allocation_result<T*> allocate_at_least(std::size_t count) {
    const std::size_t good = reslab_good_size(bytes_of(count));
    const std::size_t room = good / sizeof(T);
    return {allocate(room > count ? room : count), room > count ? room : count};
  }

  // Frees what allocate gave as `object`; how many there were does not matter.
  void deallocate(T* object, std::size_t) noexcept { reslab_free(object); }

 private:
  static std::size_t bytes_of(std::size_t count) {
    if (count > static_cast<std::size_t>(PTRDIFF_MAX) / sizeof(T)) detail::fail<std::bad_array_new_length>();
    return count * sizeof(T);
  }
  static void* get(std::size_t bytes) {
    return detail::require(alignof(T) <= 16 ? reslab_malloc(bytes) : reslab_aligned_alloc(alignof(T), bytes));
  }
};

// True: they have no state.
template <class T, class U>
bool operator==(const allocator<T>&, const allocator<U>&) noexcept {
  return true;
}
// Never true, likewise.
template <class T, class U>
bool operator!=(const allocator<T>&, const allocator<U>&) noexcept {
  return false;
}

// Plain memory for std::pmr. What is aligned to more than 16 bytes is charged to a group by a scope (reslab_group_enter): it
// must not be the fifth in one another.
class memory_resource final : public std::pmr::memory_resource {
 public:
  // What it allocates is charged to `group`, if one is given.
  explicit memory_resource(reslab_group* group = nullptr) noexcept : group_(group) {}

 private:
  void* do_allocate(std::size_t bytes, std::size_t align) override {
    if (group_ == nullptr) return detail::require(plain(bytes, align));
    if (align <= 16) return detail::require(reslab_group_malloc(group_, bytes));
    const group_scope scope(group_);
    return detail::require(plain(bytes, align));
  }
  void do_deallocate(void* memory, std::size_t, std::size_t) override { reslab_free(memory); }
  // Any function frees any memory.
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
#ifdef __cpp_rtti
    const auto* same = dynamic_cast<const memory_resource*>(&other);
    return same != nullptr && same->group_ == group_;
#else
    return this == &other;
#endif
  }
  static void* plain(std::size_t bytes, std::size_t align) {
    return align <= 16 ? reslab_malloc(bytes) : reslab_aligned_alloc(align, bytes);
  }

  reslab_group* group_;
};

// Memory of class any for std::pmr: throws std::bad_alloc where reslab_malloc_nolock gives NULL.
class nolock_memory_resource final : public std::pmr::memory_resource {
 public:
  // `flags`: RESLAB_GROW and RESLAB_NORETRY.
  explicit nolock_memory_resource(unsigned flags = 0) noexcept : flags_(flags) {}

 private:
  void* do_allocate(std::size_t bytes, std::size_t align) override {
    return detail::require(reslab_aligned_alloc_nolock(align, bytes, flags_));
  }
  void do_deallocate(void* memory, std::size_t, std::size_t) override { reslab_free_nolock(memory); }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
#ifdef __cpp_rtti
    return dynamic_cast<const nolock_memory_resource*>(&other) != nullptr;
#else
    return this == &other;
#endif
  }

  unsigned flags_;
};

// Owns a typed cache. All objects must be back when it goes: what is out then stays, and so does the cache, which says so
// on stderr.
template <class T>
class cache {
 public:
  // Gives an object back to its cache.
  struct deleter {
    cache* owner;  // of the objects
    // Destroys `object`.
    void operator()(T* object) const noexcept { owner->destroy(object); }
  };
  // Owns an object.
  using pointer = std::unique_ptr<T, deleter>;

  // Throws std::bad_alloc where there is no place for it. `name` is for statistics and reports; objects are charged to
  // `group`, if one is given; `flags`: of the RESLAB_CACHE_ values.
  explicit cache(const char* name, reslab_group* group = nullptr, unsigned flags = 0) {
    const reslab_cache_args args = {sizeof(T), alignof(T), flags, nullptr, group};
    handle_ = reslab_cache_create(name, &args);
    if (handle_ == nullptr) detail::fail<std::bad_alloc>();
  }
  ~cache() {
    const int left = reslab_cache_destroy(handle_);
    static_cast<void>(left);
  }
  cache(const cache&) = delete;
  cache& operator=(const cache&) = delete;

  // An object made of `arguments`. Throws std::bad_alloc, or what the constructor throws.
  template <class... Arguments>
  [[nodiscard]] T* construct(Arguments&&... arguments) {
    place made = {handle_, detail::require(reslab_cache_alloc(handle_))};
    T* object = new (made.memory) T(std::forward<Arguments>(arguments)...);
    made.memory = nullptr;
    return object;
  }

  // Destroys `object` and frees its memory; nullptr does nothing.
  void destroy(T* object) noexcept {
    if (object == nullptr) return;
    object->~T();
    reslab_cache_free(handle_, object);
  }

  // construct(`arguments`), owned.
  template <class... Arguments>
  [[nodiscard]] pointer make(Arguments&&... arguments) {
    return pointer(construct(std::forward<Arguments>(arguments)...), deleter{this});
  }

  // The cache as the functions of reslab.h know it.
  reslab_cache* handle() const noexcept { return handle_; }

 private:
  // Goes back if the object's constructor throws.
  struct place {
    reslab_cache* owner;
    void* memory;
    ~place() {
      if (memory != nullptr) reslab_cache_free(owner, memory);
    }
  };

  reslab_cache* handle_;
};

// Destroys and frees: what retire() does unless it is told otherwise.
template <class T>
struct rcu_delete {
  // Destroys `object`, which may be a base of what was allocated if its destructor is virtual.
  void operator()(T* object) const noexcept {
    void* memory = object;
    if constexpr (std::is_polymorphic_v<T>) memory = dynamic_cast<void*>(object);
    object->~T();
    reslab_free(memory);
  }
};

// One for all libraries that see each other's symbols, whatever their -fvisibility: rcu_barrier runs what any has retired.
#pragma GCC visibility push(default)
namespace rcu_detail {

// What waits for its destructor. Only whole lists are taken off, so no entry is met by two.
struct entry {
  entry* next;
  reslab_gp_cookie cookie;
  void (*run)(entry*) noexcept;
};

inline std::atomic<entry*> entries{nullptr};

// Destructors run on one thread at a time, so that rcu_barrier can wait for those that others have begun. Whoever finds
// another at it leaves his entry to a later call: a destructor that does not return, or is left by a jump, keeps all others
// waiting.
class runner {
 public:
  runner() noexcept : runs_(!runs_here) {
    if (!runs_) return;
    runs_here = true;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    runs_ = !is_taken.exchange(true, std::memory_order_acquire);
    runs_here = runs_;
  }
  ~runner() {
    if (!runs_) return;
    is_taken.store(false, std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);  // a handler must not take its own thread for another one
    runs_here = false;
  }
  runner(const runner&) = delete;
  runner& operator=(const runner&) = delete;

  explicit operator bool() const noexcept { return runs_; }

  // Of this thread, below.
  static bool is_here() noexcept { return runs_here; }
  // In a child after fork nobody runs destructors but the thread that forked.
  static void in_child() noexcept { is_taken.store(runs_here, std::memory_order_relaxed); }

 private:
  static inline std::atomic<bool> is_taken{false};
  static inline thread_local bool runs_here = false;
  bool runs_;
};

inline const int forks_are_noticed = pthread_atfork(nullptr, nullptr, runner::in_child);

inline void push(entry* first, entry* last) noexcept {
  last->next = entries.load(std::memory_order_relaxed);
  while (!entries.compare_exchange_weak(last->next, first, std::memory_order_release, std::memory_order_relaxed)) {}
}

// Runs those whose grace period has ended, puts the others back.
inline void run_ready(const runner&) noexcept {
  entry* later_first = nullptr;
  entry* later_last = nullptr;
  for (entry* now = entries.exchange(nullptr, std::memory_order_acquire); now != nullptr;) {
    entry* const next = now->next;
    if (reslab_gp_poll(now->cookie)) {
      now->run(now);
    } else {
      now->next = later_first;
      later_first = now;
      if (later_last == nullptr) later_last = now;
    }
    now = next;
  }
  if (later_first != nullptr) push(later_first, later_last);
}

inline void add(entry* fresh, void (*run)(entry*) noexcept) noexcept {
  fresh->run = run;
  fresh->cookie = reslab_gp_start();
  push(fresh, fresh);
  if (const runner here; here) run_ready(here);
}

template <class T, class D>
struct remote : entry {
  remote(T* pointer, D d) : object(pointer), deleter(std::move(d)) {}
  T* object;
  D deleter;
};

template <class T, class D>
inline constexpr bool is_only_memory = std::is_trivially_destructible_v<T>&& std::is_same_v<D, rcu_delete<T>>;

}  // namespace rcu_detail
#pragma GCC visibility pop

// Waits for a grace period. Returns false where that was refused.
[[nodiscard]] inline bool rcu_synchronize() noexcept { return reslab_gp_wait(reslab_gp_get()) == 0; }

// Also runs the destructors of what other threads have retired before, and waits for those that they run: not for callers
// who hold a lock that a destructor takes. A destructor that is run here is refused: it would wait for itself. Returns
// false where it was refused.
[[nodiscard]] inline bool rcu_barrier() noexcept {
  using rcu_detail::runner;
  if (runner::is_here() || !rcu_synchronize() || reslab_rcu_barrier() != 0) return false;
  for (;;) {  // ends: may wait
    if (const runner here; here) {
      rcu_detail::run_ready(here);
      return true;
    }
    if (!rcu_synchronize()) return false;  // another thread is at it: some time passes
  }
}

// `deleter(object)` runs after a grace period. Throws std::bad_alloc where there is no memory to remember it by.
template <class T, class D = rcu_delete<T>>
void rcu_retire(T* object, D deleter = D()) {
  if (object == nullptr) return;
  if constexpr (rcu_detail::is_only_memory<T, D>) {
    reslab_free_rcu(object);
  } else {
    using Remote = rcu_detail::remote<T, D>;
    void* memory = reslab_malloc(sizeof(Remote));
    if (memory == nullptr) detail::fail<std::bad_alloc>();  // the object is still the caller's
    rcu_detail::add(new (memory) Remote(object, std::move(deleter)), [](rcu_detail::entry* self) noexcept {
      auto* own = static_cast<Remote*>(self);
      own->deleter(own->object);
      own->~Remote();
      reslab_free(own);
    });
  }
}

// A base of `T` that gives it retire(), which never allocates.
template <class T, class D = rcu_delete<T>>
class rcu_obj_base : rcu_detail::entry {
 public:
  // Class any+wake when T has nothing to destroy; the object is freed, or `deleter(object)` called, after a grace period.
  void retire(D deleter = D()) noexcept {
    T* object = static_cast<T*>(this);
    if constexpr (rcu_detail::is_only_memory<T, D>) {
      reslab_free_rcu(object);
    } else {
      deleter_ = std::move(deleter);
      rcu_detail::add(this, [](rcu_detail::entry* self) noexcept {
        auto* own = static_cast<rcu_obj_base*>(self);
        D last = std::move(own->deleter_);
        last(static_cast<T*>(own));
      });
    }
  }

 protected:
  rcu_obj_base() = default;
  // A copy of an object has not been retired.
  rcu_obj_base(const rcu_obj_base&) : rcu_obj_base() {}
  // The object assigned to, as it was.
  rcu_obj_base& operator=(const rcu_obj_base&) { return *this; }
  ~rcu_obj_base() = default;

 private:
  D deleter_;
};

}  // namespace reslab

#endif  // RESLAB_RESLAB_HPP
