/* SPDX-License-Identifier: Apache-2.0 */
/* reslab: memory allocation that may be called from any context.
 *
 * The malloc family under names of its own, the forms for contexts that must not wait (signal handlers above all),
 * and the upkeep and sight of the heap. Compiles as C11 and later and as C++17 and later.
 *
 * Every declaration names its contract class:
 *
 *   class        waits  kernel                     errno            NULL by contention   from a handler
 *   any          never  never, but for RESLAB_GROW kept             yes, rare, counted   yes
 *   plain        never  may                        set on failure   no                   yes
 *   maintenance  may    may                        set on failure   -                    refused (EDEADLK) where seen
 *
 * What holds for all of them, and is not repeated below:
 *   Progress    No call of class `any` or `plain` waits for another thread or for the frame it interrupted: a thread
 *               stopped for ever at any instruction of reslab delays no other. `any` calls take a bounded number of
 *               steps besides.
 *   Handlers    Calls of class `any` and `plain` may interrupt any call of this file on the same thread, at any
 *               instruction and to any depth; both complete.
 *   After fork  The child may use every function at once, whatever its parent's threads were doing (and whichever of
 *               fork, _Fork and clone made it). Not so the child of a native vfork, which runs in its parent's memory.
 *   Pairing     Memory from any allocating function may be given to any freeing function, on any thread, anywhere.
 *   errno       Functions that free keep errno, whatever their class.
 *   Misuse      A pointer that is not the start of an object (foreign, interior) ends in a report on stderr that names
 *               the call, the address and what was found there, and in SIGABRT. So does one that was freed already,
 *               where that can be seen: docs/misuse.md.
 *   Sizes       are in bytes. Size 0 gives a unique pointer that can be freed; more than PTRDIFF_MAX fails with ENOMEM.
 *   Alignment   is 16 bytes for every size, and what the aligned functions were asked for.
 */
#ifndef RESLAB_RESLAB_H
#define RESLAB_RESLAB_H

/* Attributes stand on a line of their own, comments in columns. */
/* clang-format off */

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
/* Seen from outside the library. */
#define RESLAB_API __attribute__((__visibility__("default")))
/* The result is not to be dropped. */
#define RESLAB_CHECK_RESULT __attribute__((__warn_unused_result__))
/* Fresh memory. Names no deallocator, for any will do: GCC would warn of pairings that reslab allows. */
#define RESLAB_FRESH RESLAB_CHECK_RESULT __attribute__((__malloc__))
/* The result has as many bytes as the argument of this number, or the product of two of them. */
#define RESLAB_SIZED_BY(...) __attribute__((__alloc_size__(__VA_ARGS__)))
/* The result is a multiple of the argument of this number. */
#define RESLAB_ALIGNED_BY(argument) __attribute__((__alloc_align__(argument)))
#else
#define RESLAB_API
#define RESLAB_CHECK_RESULT
#define RESLAB_FRESH
#define RESLAB_SIZED_BY(...)
#define RESLAB_ALIGNED_BY(argument)
#endif

/* No exception leaves it, nor passes through. */
#if defined(__cplusplus)
#define RESLAB_NOEXCEPT noexcept
#elif defined(__GNUC__) || defined(__clang__)
#define RESLAB_NOEXCEPT __attribute__((__nothrow__))
#else
#define RESLAB_NOEXCEPT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- plain: the <stdlib.h> family under its own names ------------------------------------------------------------ */

/* `size` bytes of memory with unspecified contents. NULL and ENOMEM when there are none.
 * Class plain. Lock-free; the common case is one restartable sequence without an atomic instruction. */
RESLAB_API RESLAB_FRESH RESLAB_SIZED_BY(1)
void* reslab_malloc(size_t size) RESLAB_NOEXCEPT;

/* `count` objects of `size` bytes each, all zero. NULL and ENOMEM when there are none, or when the product overflows.
 * Class plain. Memory that is known to be zero is not cleared again. */
RESLAB_API RESLAB_FRESH RESLAB_SIZED_BY(1, 2)
void* reslab_calloc(size_t count, size_t size) RESLAB_NOEXCEPT;

/* Makes the object at `ptr` hold `size` bytes, in place or by moving it; the contents up to the smaller size stay.
 * `ptr` NULL allocates. `size` 0 keeps an object without usable bytes, which is still to be freed.
 * NULL and ENOMEM leave the old object as it was. Class plain. Large objects move by mremap instead of by copying. */
RESLAB_API RESLAB_CHECK_RESULT RESLAB_SIZED_BY(2)
void* reslab_realloc(void* ptr, size_t size) RESLAB_NOEXCEPT;

/* reslab_realloc of `ptr` to `count` times `size` bytes; NULL and ENOMEM when the product overflows. Class plain.
 * After OpenBSD's reallocarray. */
RESLAB_API RESLAB_CHECK_RESULT RESLAB_SIZED_BY(2, 3)
void* reslab_reallocarray(void* ptr, size_t count, size_t size) RESLAB_NOEXCEPT;

/* `size` bytes at a multiple of `alignment` bytes, a power of two; `size` need not be a multiple of it.
 * NULL and EINVAL when `alignment` is no power of two, NULL and ENOMEM when there is no such memory. Class plain. */
RESLAB_API RESLAB_FRESH RESLAB_ALIGNED_BY(1) RESLAB_SIZED_BY(2)
void* reslab_aligned_alloc(size_t alignment, size_t size) RESLAB_NOEXCEPT;

/* Stores `size` bytes at a multiple of `alignment` bytes in `*out` and returns 0. Otherwise `*out` stays as it was and
 * the result is EINVAL (`alignment` is no power of two, or no multiple of sizeof(void *)) or ENOMEM. Class plain, but
 * errno is kept, as POSIX has it. */
RESLAB_API RESLAB_CHECK_RESULT
int reslab_posix_memalign(void** out, size_t alignment, size_t size) RESLAB_NOEXCEPT;

/* Frees the object at `ptr`, of any size and from any allocating function; NULL does nothing. Keeps errno.
 * Class plain: it may give memory back to the system. */
RESLAB_API
void reslab_free(void* ptr) RESLAB_NOEXCEPT;

/* reslab_free(`ptr`) for a caller that knows what was asked for: `size` bytes. The object's class always comes from the
 * heap's own map, never from `size`: a request may have been served by a larger class. With the option check_sizes
 * another size than may have been asked for by malloc, calloc or realloc is reported. Class plain. After C23. */
RESLAB_API
void reslab_free_sized(void* ptr, size_t size) RESLAB_NOEXCEPT;

/* reslab_free(`ptr`) for a caller that knows the `alignment` and `size` in bytes that were asked for. Class plain. C23's. */
RESLAB_API
void reslab_free_aligned_sized(void* ptr, size_t alignment, size_t size) RESLAB_NOEXCEPT;

/* How many bytes of the object at `ptr` may be used: at least what was asked for. 0 for NULL. Class any. */
RESLAB_API RESLAB_CHECK_RESULT
size_t reslab_usable_size(const void* ptr) RESLAB_NOEXCEPT;

/* How many bytes an allocation of `size` bytes really gets; 0 for a size that no allocation can have. Class any. */
RESLAB_API RESLAB_CHECK_RESULT
size_t reslab_good_size(size_t size) RESLAB_NOEXCEPT;

/* ---- any: for handlers, for code under locks of its own, for whoever must not wait ---------------------------------
 * After the Linux kernel's kmalloc_nolock() and kfree_nolock(). At most 1 KiB of stack, no callback, no purge. */

enum {
  RESLAB_ZERO = 1u << 0,   /* zeroed memory */
  RESLAB_GROW = 1u << 1,   /* may enter the kernel for more memory; still never waits for a thread */
  RESLAB_NORETRY = 1u << 2 /* only the size's own bucket: do not try larger ones */
};

/* A hint, or-ed into the flags: NUMA node `n` (0 to 65,533), whose free memory is looked at first. Never an
 * obligation: where there is none, or no such node, the call goes on as without it. */
#define RESLAB_NODE(n) (((unsigned)(n) + 1u) << 16)

/* The largest size in bytes that the allocating functions of this section serve. */
#define RESLAB_NOLOCK_MAX ((size_t)262144)

/* `size` bytes, or NULL: larger than RESLAB_NOLOCK_MAX, no memory at hand, or every bucket that fits is busy (counted
 * in nolock_failures). `flags`: of the RESLAB_ values above; unknown ones are refused, likewise. Class any. */
RESLAB_API RESLAB_FRESH RESLAB_SIZED_BY(1)
void* reslab_malloc_nolock(size_t size, unsigned flags) RESLAB_NOEXCEPT;

/* reslab_malloc_nolock(`size`, `flags`) at a multiple of `alignment` bytes. NULL also when `alignment` is no power of
 * two. Class any. */
RESLAB_API RESLAB_FRESH RESLAB_ALIGNED_BY(1) RESLAB_SIZED_BY(2)
void* reslab_aligned_alloc_nolock(size_t alignment, size_t size, unsigned flags) RESLAB_NOEXCEPT;

/* Frees the object at `ptr`, from any allocating function; NULL does nothing. It cannot fail: where the object's
 * magazine has no room it goes on this CPU's deferred list, past that its bit is set by one atomic OR. Class any. */
RESLAB_API
void reslab_free_nolock(void* ptr) RESLAB_NOEXCEPT;

/* reslab_free_nolock(`ptr`) for a caller that knows what was asked for: `size` bytes. Class any. */
RESLAB_API
void reslab_free_sized_nolock(void* ptr, size_t size) RESLAB_NOEXCEPT;

/* The system's page size in bytes, which is reslab's own. Class any. */
RESLAB_API
size_t reslab_page_size(void) RESLAB_NOEXCEPT;

/* The largest order that reslab_pages_alloc_nolock serves: 2 MiB in pages of 4 KiB, 32 MiB in pages of 64. So much in one
 * piece is rarely at hand without RESLAB_GROW. */
#define RESLAB_PAGES_MAX_ORDER 9u

/* 2^`order` pages of reslab_page_size() bytes, aligned to their whole size. NULL when `order` is too large or no such
 * memory is at hand (counted in nolock_failures). `flags`: as for reslab_malloc_nolock, and always RESLAB_NORETRY, so
 * that they have this size and no other. Any function frees them.
 * Class any. After the kernel's alloc_pages_nolock(). */
RESLAB_API RESLAB_CHECK_RESULT
void* reslab_pages_alloc_nolock(unsigned order, unsigned flags) RESLAB_NOEXCEPT;

/* Frees what reslab_pages_alloc_nolock(`order`) gave as `ptr`; NULL does nothing. Another order than it was allocated with is
 * misuse, and reported. Class any. */
RESLAB_API
void reslab_pages_free_nolock(void* ptr, unsigned order) RESLAB_NOEXCEPT;

/* From here to the matching restore, plain calls of this thread keep the contract of class any: no kernel entry, errno
 * kept, NULL possible. Scopes nest. A handler inherits the scope of the thread it interrupts; a jump out of a scope
 * leaves it open for ever (check_context=1 reports the next plain call). Returns what restore needs. Class any.
 * After the kernel's memalloc_nofs_save(). */
RESLAB_API RESLAB_CHECK_RESULT
unsigned reslab_nolock_save(void) RESLAB_NOEXCEPT;

/* Ends the scope that `saved` came from, and those opened inside it and left open. Class any. */
RESLAB_API
void reslab_nolock_restore(unsigned saved) RESLAB_NOEXCEPT;

/* Objects set aside for a context in which none may be missing. After the kernel's prefilled sheaves and mempools. */
typedef struct reslab_reserve reslab_reserve;

/* A reserve of `count` objects of `size` bytes each, allocated and touched now, so that taking one neither fails nor
 * faults. NULL and ENOMEM when there is no memory for all of them. Class plain. */
RESLAB_API RESLAB_CHECK_RESULT
reslab_reserve* reslab_reserve_create(size_t size, size_t count) RESLAB_NOEXCEPT;

/* `size` bytes from the reserve. As many calls as it has objects cannot fail, whatever threads and handlers they come
 * from. Past that, or for more bytes than its objects have, does what reslab_malloc_nolock does with `flags`; NULL with
 * RESLAB_NORETRY. The objects are ordinary ones, of the reserve's `size`, which a sized free has to say: any function
 * frees them, and they do not come back here. Class any. */
RESLAB_API RESLAB_CHECK_RESULT RESLAB_SIZED_BY(2)
void* reslab_reserve_alloc(reslab_reserve* reserve, size_t size, unsigned flags) RESLAB_NOEXCEPT;

/* Fills the reserve up again. 0, or ENOMEM; what could be had is in it. Class plain, errno kept. */
RESLAB_API RESLAB_CHECK_RESULT
int reslab_reserve_refill(reslab_reserve* reserve) RESLAB_NOEXCEPT;

/* Frees the reserve and what is left in it; NULL does nothing. 0; EBUSY while another thread is inside one of the calls
 * above, or for ever where one was left by a jump, EDEADLK where it was refused: then nothing has happened. Class
 * maintenance, errno kept. */
RESLAB_API RESLAB_CHECK_RESULT
int reslab_reserve_destroy(reslab_reserve* reserve) RESLAB_NOEXCEPT;

/* ---- typed caches ------------------------------------------------------------------------------------------------
 * Objects of one kind, at the distance their size asks for, not rounded to a class of malloc; constructed once, if they
 * have a constructor. After the kernel's kmem_cache_* (Bonwick 1994). The generic functions accept such objects as well:
 * any free takes them back, reslab_usable_size tells their bytes. */

/* Objects of one kind. */
typedef struct reslab_cache reslab_cache;
typedef struct reslab_group reslab_group; /* a budget: below */

/* What the objects of a cache are. */
struct reslab_cache_args {
  size_t size;          /* bytes of an object, 262,144 at most; from 4,096 on a multiple of 1,024 that asks for no more
                           than 64 bytes of alignment gets 64 more, so that objects spread over the processor's cache */
  size_t align;         /* a power of two up to 65,536; 0: 16 where the size is a multiple of 16, otherwise 8 */
  unsigned flags;       /* of the RESLAB_CACHE_ values below */
  void (*ctor)(void*);  /* or NULL: called for each object once, when its slab is made, never again while the object is
                           freed and allocated; so what is freed must be as constructed. It may allocate; it must
                           return */
  reslab_group* group;  /* or NULL: each object is charged to it while it is out */
};

enum {
  RESLAB_CACHE_TYPESAFE_BY_RCU = 1u << 0, /* the memory of a freed object stays an object of this cache for a grace period:
                                             readers inside a read section may still look, and must check whether it is
                                             the object they meant. Needs reslab_rcu_init (reslab/rcu.h) */
  RESLAB_CACHE_NO_MERGE = 1u << 1         /* does not share its slabs with other caches of the same stride, as caches
                                             without constructor, flags and group otherwise do */
};

/* A cache of the objects that `args` describes; `name` (up to 31 characters are kept) is for statistics and reports.
 * There can be 4,096 caches, and about 300 with slabs of their own, a destroyed one's place included. NULL and errno:
 * EINVAL (`args`), ENOTSUP (type-safe without libreslab-rcu), ENOSPC (no place), ENOMEM. Class plain. */
RESLAB_API RESLAB_CHECK_RESULT
reslab_cache* reslab_cache_create(const char* name, const struct reslab_cache_args* args) RESLAB_NOEXCEPT;

/* Destroys the cache; NULL does nothing. 0. EBUSY, and a line on stderr that says how many objects are out and where,
 * while there are any (and, with the option debug=U, who allocated them), or while readers may still be inside a type-safe
 * one a second later; EDEADLK where it was refused.
 * Then the cache is as before. Caches that share slabs with others just go; the last of them answers for the objects.
 * Any later use of the handle is reported. Class maintenance, errno kept. */
RESLAB_API RESLAB_CHECK_RESULT
int reslab_cache_destroy(reslab_cache* cache) RESLAB_NOEXCEPT;

/* An object of the cache, or NULL and ENOMEM. Class plain. One restartable sequence, like malloc, without its table of
 * sizes. */
RESLAB_API RESLAB_CHECK_RESULT
void* reslab_cache_alloc(reslab_cache* cache) RESLAB_NOEXCEPT;

/* An object of the cache, or NULL. `flags`: as for reslab_malloc_nolock; a node has no effect, RESLAB_ZERO is refused for
 * constructed objects. Where there is a constructor, of existing slabs only: it is called in plain calls alone. Class any. */
RESLAB_API RESLAB_CHECK_RESULT
void* reslab_cache_alloc_nolock(reslab_cache* cache, unsigned flags) RESLAB_NOEXCEPT;

/* Frees the object at `ptr`, of this cache; NULL does nothing. An object of another cache is misuse, and reported.
 * Class plain. */
RESLAB_API
void reslab_cache_free(reslab_cache* cache, void* ptr) RESLAB_NOEXCEPT;

/* reslab_cache_free(`cache`, `ptr`), of class any. */
RESLAB_API
void reslab_cache_free_nolock(reslab_cache* cache, void* ptr) RESLAB_NOEXCEPT;

/* Stores up to `count` objects of the cache in `out`: all, or as many as there is memory for. Returns how many. What
 * the CPU has at hand leaves in one sequence. Class plain. After kmem_cache_alloc_bulk(). */
RESLAB_API RESLAB_CHECK_RESULT
size_t reslab_cache_alloc_bulk(reslab_cache* cache, size_t count, void** out) RESLAB_NOEXCEPT;

/* Frees the `count` objects of this cache that stand in `ptrs`. Class plain. After kmem_cache_free_bulk(). */
RESLAB_API
void reslab_cache_free_bulk(reslab_cache* cache, size_t count, void* const* ptrs) RESLAB_NOEXCEPT;

/* Empties what CPUs have cached of the class and gives its empty slabs back, those of a type-safe cache after a grace
 * period, so with a later call. Returns how many bytes its slabs have become smaller by; 0 with errno EDEADLK where it
 * was refused. Class maintenance. */
RESLAB_API
size_t reslab_cache_shrink(reslab_cache* cache) RESLAB_NOEXCEPT;

/* ---- groups ------------------------------------------------------------------------------------------------------
 * A budget of bytes for a subsystem or a tenant, after the kernel's memory controller. An object is charged with what it
 * occupies (reslab_usable_size) while it is out, to its group and to those the group lies in; any function frees it, on
 * any thread, in any context, also after a fork: then the child's groups are the child's own. What is charged never
 * exceeds a limit, not for a moment. Allocations that are charged, and their frees, take a slower path than others; the
 * frees of all other objects are as they would be without groups. */

/* A group with a budget of `limit_bytes` bytes (SIZE_MAX: none); up to 31 characters of `name` are kept for statistics.
 * There can be 1,023 groups. NULL and errno: ENOSPC (no place), ENOMEM. Class plain. */
RESLAB_API RESLAB_CHECK_RESULT
reslab_group* reslab_group_create(const char* name, size_t limit_bytes) RESLAB_NOEXCEPT;

/* reslab_group_create(`name`, `limit_bytes`) within `parent`, against whose limit everything counts that is charged to
 * the new group. Class plain. */
RESLAB_API RESLAB_CHECK_RESULT
reslab_group* reslab_group_create_in(reslab_group* parent, const char* name, size_t limit_bytes) RESLAB_NOEXCEPT;

/* Destroys the group; NULL does nothing. 0; EBUSY while bytes are charged to it, groups lie in it, or caches use it;
 * EDEADLK where it was refused. Then the group is as before. Any later use of the handle is reported; a thread that is in
 * its scope gets no memory. Class maintenance, errno kept. */
RESLAB_API RESLAB_CHECK_RESULT
int reslab_group_destroy(reslab_group* group) RESLAB_NOEXCEPT;

/* From here to the matching leave, what this thread's plain calls of the malloc family allocate is charged to the group,
 * and to none when `group` is NULL; nests (five changes of group deep; those below are charged to the fifth). A
 * handler inherits the scope of the thread it interrupts. reslab_realloc charges whoever was charged for the object. From
 * the process's first call of this function on, all its plain allocations take a few instructions more, to look for a
 * scope. Class any. */
RESLAB_API
void reslab_group_enter(reslab_group* group) RESLAB_NOEXCEPT;

/* Ends the scope that was entered last; without one it does nothing. Class any. */
RESLAB_API
void reslab_group_leave(void) RESLAB_NOEXCEPT;

/* `size` bytes that are charged to the group. NULL and ENOMEM: no memory, or over a limit, which is counted for the
 * group. Class plain. */
RESLAB_API RESLAB_FRESH RESLAB_SIZED_BY(2)
void* reslab_group_malloc(reslab_group* group, size_t size) RESLAB_NOEXCEPT;

/* reslab_malloc_nolock(`size`, `flags`), charged to the group; a node has no effect. Class any: before it fails it
 * collects what CPUs hold of the budget, in steps bounded by groups and CPUs. */
RESLAB_API RESLAB_FRESH RESLAB_SIZED_BY(2)
void* reslab_group_malloc_nolock(reslab_group* group, size_t size, unsigned flags) RESLAB_NOEXCEPT;

/* How many bytes are charged to the group and to those in it: never above the limit, and exact when no other call runs.
 * Class any. */
RESLAB_API RESLAB_CHECK_RESULT
size_t reslab_group_usage(const reslab_group* group) RESLAB_NOEXCEPT;

/* Changes the limit of the group to `limit_bytes` (SIZE_MAX: none). 0; EBUSY, and the limit stays, when more than that
 * is charged. Class any. */
RESLAB_API RESLAB_CHECK_RESULT
int reslab_group_set_limit(reslab_group* group, size_t limit_bytes) RESLAB_NOEXCEPT;

/* One group. */
struct reslab_group_stats {
  char name[32];        /* as it was given */
  uint32_t id;          /* 1 to 1,023 */
  uint32_t parent;      /* id of the group it lies in, or 0 */
  uint64_t limit_bytes; /* SIZE_MAX: none */
  uint64_t usage_bytes; /* as reslab_group_usage */
  uint64_t peak_bytes;  /* most that was ever set aside for it: charged, and what CPUs held ahead of charges */
  uint64_t failures;    /* charges refused for a limit, its own or one around it */
};

/* Stores a line for each of the first `max_count` groups in `out`, an array of elements `each_size` bytes apart, as
 * reslab_get_class_stats does for classes. Returns how many groups there are. Class any. */
RESLAB_API
int reslab_get_group_stats(struct reslab_group_stats* out, size_t max_count, size_t each_size) RESLAB_NOEXCEPT;

/* ---- upkeep ------------------------------------------------------------------------------------------------------ */

/* Moves what `any` frees have deferred, on every CPU's list, back into circulation; refills do so too, so that no
 * program has to. Returns how many objects it moved. Class plain. After the irq_work that drains kfree_nolock's. */
RESLAB_API
size_t reslab_flush_deferred(void) RESLAB_NOEXCEPT;

/* Drains idle CPUs' magazines and the depot, retires empty slabs and gives free memory back to the system, all but
 * `keep_bytes` bytes. Returns how many bytes went back; 0 with errno EDEADLK where it was refused.
 * Class maintenance. After malloc_trim. */
RESLAB_API
size_t reslab_trim(size_t keep_bytes) RESLAB_NOEXCEPT;

/* Audits the heap at a moment when no other call runs: for each class, objects handed out, in magazines, in the depot,
 * deferred, in hand and free are all of its capacity, each in one place; bitmaps agree with counts, list membership
 * with states. Prints each violation as a line to `fd` when `fd` >= 0. Returns how many there are; -1 with errno
 * EDEADLK where it was refused, ENOMEM when there is no memory for its notes. A lost object looks handed out: compare
 * `live` with a ledger of your own. Class maintenance. */
RESLAB_API RESLAB_CHECK_RESULT
int reslab_check(int fd) RESLAB_NOEXCEPT;

/* ---- sight -------------------------------------------------------------------------------------------------------
 * The structures grow at their end only. A caller passes the size it was compiled with and gets the bytes that both
 * sides know; bytes past those stay as they were, so clear the structure first.
 */

/* Figures of the whole process. `exact` ones are counted where the thing happens; `slow` ones are counted exactly too,
 * but only where a call leaves the fast path; `derived` ones are computed at the call, by walking the heap.
 * While other calls run, figures are each right for some moment during the call and need not add up. */
struct reslab_stats {
  uint64_t bytes_live;              /* derived: bytes of objects handed out, by what each really occupies */
  uint64_t bytes_committed;         /* exact: readable and writable for objects */
  uint64_t bytes_reserved;          /* exact: address space */
  uint64_t bytes_metadata;          /* exact: committed for reslab's own bookkeeping */
  uint64_t bytes_purged;            /* exact: given back to the system so far */
  uint64_t allocs;                  /* slow: objects that went to a magazine or past it; hits in between are not seen */
  uint64_t frees;                   /* slow: objects that came back from magazines, or past them                      */
  uint64_t nolock_allocs;           /* slow: allocations of class any that left the fast path and succeeded */
  uint64_t nolock_failures;         /* exact: allocations of class any that returned NULL */
  uint64_t nolock_retries;          /* exact: of class any, served by a larger bucket */
  uint64_t deferred_pushed;         /* exact: frees that went on a deferred list or straight to their bit */
  uint64_t deferred_flushed;        /* exact: of these, taken back into circulation */
  uint64_t deferred_pending;        /* derived: on deferred lists now */
  uint64_t local_lock_busy_self;    /* exact: tries that found the lock held by the frame they interrupted */
  uint64_t local_lock_busy_other;   /* exact: tries that found it held by another thread */
  uint64_t reentries;               /* slow: calls that found a record of their own thread below them */
  uint64_t rseq_restarts_exhausted; /* exact: calls that gave their sections up after too many aborts */
  uint64_t slabs_active;            /* derived: slabs that a CPU refills from */
  uint64_t slabs_partial;           /* derived: with free objects, in wait */
  uint64_t slabs_full;              /* derived: without a free object */
  uint64_t slabs_empty;             /* derived: with free objects only */
  uint64_t deactivations;           /* exact: slabs that stopped being active */
  uint64_t refills;                 /* exact */
  uint64_t flushes;                 /* exact */
  uint64_t double_frees;            /* exact: found, before the report that ends the process */
  uint64_t invalid_frees;           /* exact: found, likewise */
  uint64_t fork_lost_objects;       /* exact as an upper bound: in hand in the parent's other threads at the fork */
  /* Allocations of class any by the route that served them, of those that left the fast path. All exact. */
  uint64_t nolock_from_magazine;    /* after a restart */
  uint64_t nolock_from_depot;       /* a block of it */
  uint64_t nolock_from_active;      /* the active slab of this CPU */
  uint64_t nolock_from_partial;     /* a slab in wait */
  uint64_t nolock_from_deferred;    /* a slab that got room by flushing another CPU's deferred frees */
  uint64_t nolock_from_new_slab;    /* made for it */
  uint64_t nolock_from_run;         /* whole units: large sizes and pages */
  uint64_t single_bit_allocs;       /* one bit of a bitmap, past the magazines; calls of all classes */
  uint64_t single_bit_frees;        /* likewise */
  uint64_t sent_home;               /* flushed on a CPU of another node than their memory, and brought there */
  uint64_t bytes_held;              /* derived: in use, or free and not given back: what the options' limits compare */
  uint64_t limit_refusals;          /* exact: claims of memory that the option hard_limit refused, several a call at times */
};

/* Stores the first `out_size` bytes of the statistics in `*out`. 0, or EINVAL when `out` is NULL. Class any. */
RESLAB_API
int reslab_get_stats(struct reslab_stats* out, size_t out_size) RESLAB_NOEXCEPT;

/* How the caches of the CPUs are kept. */
enum {
  RESLAB_MODE_NONE = 0,    /* not decided: nothing has been allocated yet */
  RESLAB_MODE_RSEQ = 1,    /* restartable sequences */
  RESLAB_MODE_FALLBACK = 2 /* atomic slots */
};

/* What picks the calling thread's cache. */
enum {
  RESLAB_INDEX_NONE = 0,   /* not decided */
  RESLAB_INDEX_CPU_ID = 1, /* the CPU it runs on */
  RESLAB_INDEX_MM_CID = 2, /* the kernel's concurrency id, compact within the process */
  RESLAB_INDEX_THREAD = 3  /* its own number, spread over the caches */
};

/* What the kernel offers, as bits of `features`. */
enum {
  RESLAB_FEATURE_RSEQ_FENCE = 1u << 0,    /* membarrier's rseq fence: other CPUs' caches can be drained */
  RESLAB_FEATURE_WIPE_ON_FORK = 1u << 1,  /* MADV_WIPEONFORK: the child of any form of fork is recognised */
  RESLAB_FEATURE_STRICT_COMMIT = 1u << 3  /* vm.overcommit_memory=2: committed memory is charged at once */
};

/* How this process runs. */
struct reslab_status {
  uint32_t mode;               /* RESLAB_MODE_* */
  uint32_t index;              /* RESLAB_INDEX_* */
  uint32_t slots;              /* caches there can be, one for each possible index */
  uint32_t features;           /* RESLAB_FEATURE_* */
  char mode_reason[96];        /* why this mode: one line of text */
  char version[32];            /* as reslab_version() */
  uint64_t arena_base;         /* lowest address of the range all memory comes from */
  uint64_t arena_window_bytes; /* its length */
  uint32_t nodes;              /* of memory, among which caches are divided; 1: they are not */
};

/* Stores the first `out_size` bytes of the status in `*out`. 0, or EINVAL when `out` is NULL. Class any. */
RESLAB_API
int reslab_get_status(struct reslab_status* out, size_t out_size) RESLAB_NOEXCEPT;

/* One size class. Objects: capacity = live + in_magazines + in_depot + deferred + in_hand + free_in_slabs, where live
 * is what remains: exact when no other call runs. What is larger than the largest class is the class "runs", whose
 * objects are units of 64 KiB. */
struct reslab_class_stats {
  char name[32];          /* "64", or what its owner called it */
  uint32_t class_id;      /* as in reports */
  uint64_t object_bytes;  /* bytes of one object */
  uint64_t slab_bytes;    /* bytes of one slab */
  uint64_t capacity;      /* objects in all its slabs */
  uint64_t live;          /* objects handed out */
  uint64_t in_magazines;  /* cached for a CPU */
  uint64_t in_depot;      /* in blocks of the depot */
  uint64_t deferred;      /* on deferred lists */
  uint64_t in_hand;       /* on their way between two of the others */
  uint64_t free_in_slabs; /* free in a slab's bitmap */
  uint64_t slabs_active;  /* that a CPU refills from */
  uint64_t slabs_partial; /* with free objects, in wait */
  uint64_t slabs_full;    /* without a free object */
  uint64_t slabs_empty;   /* with free objects only */
};

/* Stores a line for each of the first `max_count` classes in `out`, an array of elements `each_size` bytes apart, of
 * which it fills the bytes it knows. Returns how many classes there are, whatever `max_count`; `out` may be NULL when
 * `max_count` is 0, otherwise NULL stores nothing. Class any: its loops are bounded by classes, CPUs and slabs. */
RESLAB_API
int reslab_get_class_stats(struct reslab_class_stats* out, size_t max_count, size_t each_size) RESLAB_NOEXCEPT;

/* Stores the value of the option `name`, as RESLAB_OPTIONS would spell it, with its final NUL in the `out_size` bytes
 * at `out`. 0; EINVAL when there is no such option, a pointer is NULL, or `out_size` 0; ERANGE when it does not fit,
 * and then `out` holds as much as does, NUL included. Class any. */
RESLAB_API
int reslab_option_get(const char* name, char* out, size_t out_size) RESLAB_NOEXCEPT;

/* Sets the option `name` from now on to `value`, spelt as in RESLAB_OPTIONS. Only those that docs/options.md calls live,
 * which say how much memory may be had and is kept, and how long: dirty_min, dirty_percent, dirty_recent, dirty_cycles,
 * soft_limit, hard_limit, depot_min, nolock_ready, rcu_age, rcu_stall. 0; EINVAL when there is no such option, the value is
 * none of its, or a pointer is NULL; EPERM when it is fixed at the start; ENOMEM when there is no memory for a heap. Class
 * plain: in a handler too, and of several at once one value stands. A child has its parent's values. What is kept beyond
 * a smaller bound goes with the next free that looks. */
RESLAB_API
int reslab_option_set(const char* name, const char* value) RESLAB_NOEXCEPT;

/* Writes the heap profile so far to `fd`, in the text format that pprof reads: what the option profile=BYTES has sampled,
 * live and all there was, by stack, and the process's mappings. 0; ENOTSUP without that option; otherwise the errno of the
 * write that failed, and then the text is not whole. Class any but for the kernel's work: it writes, and it opens and reads
 * /proc/self/maps. In a handler or beside other threads each stack's counts are of their own moment; in a child they
 * begin as the parent's. The source of the format is gperftools. */
RESLAB_API
int reslab_heap_dump(int fd) RESLAB_NOEXCEPT;

/* The library's version, "major.minor.patch": constant text. Class any. */
RESLAB_API
const char* reslab_version(void) RESLAB_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* RESLAB_RESLAB_H */
