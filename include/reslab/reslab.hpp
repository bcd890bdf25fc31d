// reslab for C++17 and later. So far what comes after C++26's <rcu>: retiring objects, with or without a base class.
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
#ifndef RESLAB_RESLAB_HPP
#define RESLAB_RESLAB_HPP

#include <atomic>
#include <new>
#include <type_traits>
#include <utility>

#include <reslab/rcu.h>

namespace reslab {

// Destroys and frees: what retire() does unless it is told otherwise.
template <class T>
struct rcu_delete {
  void operator()(T* object) const noexcept {
    object->~T();
    reslab_free(object);
  }
};

namespace rcu_detail {

// What waits for its destructor. Only whole lists are taken off, so no entry is met by two.
struct entry {
  entry* next;
  reslab_gp_cookie cookie;
  void (*run)(entry*) noexcept;
};

inline std::atomic<entry*> entries{nullptr};

inline void push(entry* first, entry* last) noexcept {
  last->next = entries.load(std::memory_order_relaxed);
  while (!entries.compare_exchange_weak(last->next, first, std::memory_order_release, std::memory_order_relaxed)) {}
}

// Runs those whose grace period has ended, puts the others back.
inline void run_ready() noexcept {
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
  run_ready();
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

[[nodiscard]] inline bool rcu_synchronize() noexcept { return reslab_gp_wait(reslab_gp_get()) == 0; }

// Also runs the destructors of what other threads have retired before.
[[nodiscard]] inline bool rcu_barrier() noexcept {
  if (!rcu_synchronize() || reslab_rcu_barrier() != 0) return false;
  rcu_detail::run_ready();
  return true;
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
    if (memory == nullptr) throw std::bad_alloc();  // the object is still the caller's
    rcu_detail::add(new (memory) Remote(object, std::move(deleter)), [](rcu_detail::entry* self) noexcept {
      auto* own = static_cast<Remote*>(self);
      own->deleter(own->object);
      own->~Remote();
      reslab_free(own);
    });
  }
}

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
  rcu_obj_base(const rcu_obj_base&) : rcu_obj_base() {}
  rcu_obj_base& operator=(const rcu_obj_base&) { return *this; }
  ~rcu_obj_base() = default;

 private:
  D deleter_;
};

}  // namespace reslab

#endif  // RESLAB_RESLAB_HPP
