/* SPDX-License-Identifier: Apache-2.0 */
/* reslab/rcu: memory that readers may still hold is freed after a grace period, from any context.
 *
 * The user-space counterpart of the kernel's kvfree_rcu(), of its form without a head in the object, and of its nolock
 * form. Readers and grace periods are liburcu's, of whichever flavour the program uses; link with libreslab-rcu besides
 * reslab. Contract classes, handlers, fork and misuse are explained in reslab.h; one class comes to them:
 *
 *   class        waits  kernel                                             errno   from a handler
 *   any+wake     never  at most one futex wake, none in a nolock scope     kept    yes
 *
 * Calls of class maintenance wait for a grace period. They are refused with EDEADLK, and a line on stderr, where that
 * might never end and can be seen: inside a read section of the flavour, inside a nolock scope, on an alternate signal
 * stack, on top of a call of reslab that they interrupt; with the option check_context=1 in any handler.
 *
 * After fork     The child keeps all that waits. Nothing of it is freed before the child calls reslab_rcu_init or a
 *                function of class maintenance; docs/rcu.md says when that can be refused.
 */
#ifndef RESLAB_RCU_H
#define RESLAB_RCU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <reslab/reslab.h>

/* clang-format off */
#ifdef __cplusplus
extern "C" {
#endif

struct rcu_flavor_struct; /* <urcu/flavor.h> */

/* Begins reclaiming, by a thread of its own, with the grace periods of `flavor`: &urcu_memb_flavor, &urcu_mb_flavor,
 * &urcu_qsbr_flavor, &urcu_bp_flavor ...; NULL is urcu_memb_flavor. The functions below may be called before it: what
 * they retire is kept. 0, also when it has been called before with the same flavour; EBUSY after another one; EAGAIN when
 * no thread could be made, or in a forked child that another call is repairing; ENOMEM; ENOTSUP when reslab is of another
 * version. In the child of a fork it begins anew, and EDEADLK says that the fork has left liburcu locked; it says so,
 * too, once the process is ending. Class plain. */
RESLAB_API RESLAB_CHECK_RESULT
int reslab_rcu_init(const struct rcu_flavor_struct* flavor) RESLAB_NOEXCEPT;

/* Frees the object at `ptr` after a grace period: once all readers have gone that were inside a read section when this was
 * called. The caller has made it unreachable before. NULL does nothing. Any size, from any allocating function; nothing
 * is written into it before. Never fails. Class any+wake. A second call for the same object is a double free: found at
 * once with check_rcu=1 or a debug mode, otherwise when the second one is taken in or the first one is freed; so is a
 * pointer into the middle of an object. One that cannot be ours at all is found at
 * once. Reported, and the process aborted. After kfree_rcu_mightsleep() and kfree_rcu_nolock(). */
RESLAB_API
void reslab_free_rcu(void* ptr) RESLAB_NOEXCEPT;

/* reslab_free_rcu(`ptr`) that waits first while more than the limit is pending. 0, or EDEADLK where it might not wait: it has
 * then done what reslab_free_rcu does. Class maintenance. */
RESLAB_API
int reslab_free_rcu_wait(void* ptr) RESLAB_NOEXCEPT;

/* A moment, as a number of a grace period: for poll and wait, and for nothing else. The value 0 is the past: it always has
 * elapsed. May be stored, and is as good in the child of a fork as in its parent. */
typedef struct { uint64_t gp; /* opaque */ } reslab_gp_cookie;

/* Most distinct cookies that can be incomplete at a time: the period that runs, and the next. */
#define RESLAB_GP_ACTIVE_MAX 2

/* The grace period after which all readers have gone that are there now. Class any.
 * After get_state_synchronize_rcu(). */
RESLAB_API RESLAB_CHECK_RESULT
reslab_gp_cookie reslab_gp_get(void) RESLAB_NOEXCEPT;

/* reslab_gp_get, and makes sure that this period begins. Class any+wake. After start_poll_synchronize_rcu(). */
RESLAB_API
reslab_gp_cookie reslab_gp_start(void) RESLAB_NOEXCEPT;

/* Has the grace period of `cookie` elapsed? True stays true. Class any. After poll_state_synchronize_rcu(). */
RESLAB_API RESLAB_CHECK_RESULT
bool reslab_gp_poll(reslab_gp_cookie cookie) RESLAB_NOEXCEPT;

/* Waits until the one of `cookie` has elapsed, and begins it if need be. 0, or EDEADLK: then it has NOT elapsed. Class
 * maintenance. */
RESLAB_API RESLAB_CHECK_RESULT
int reslab_gp_wait(reslab_gp_cookie cookie) RESLAB_NOEXCEPT;

/* Begins the next grace period now, for all that is pending at this moment, instead of gathering more. Class any+wake. */
RESLAB_API
void reslab_gp_expedite(void) RESLAB_NOEXCEPT;

/* Waits until all that was given to reslab_free_rcu by calls that have returned is freed. Any number of threads may.
 * 0, or EDEADLK: then it may not be, or the system has come to refuse membarrier, without which what was retired last
 * cannot be taken. Class maintenance. After kvfree_rcu_barrier(). */
RESLAB_API RESLAB_CHECK_RESULT
int reslab_rcu_barrier(void) RESLAB_NOEXCEPT;

/* Above `pending_bytes` pending bytes grace periods follow each other without a pause and reslab_free_rcu_wait waits.
 * Callers of reslab_free_rcu are never throttled: what bounds them is the process's memory, or their group's. 0 is no
 * limit; the option rcu_limit sets the first. Always 0. Class any. */
RESLAB_API
int reslab_rcu_set_limit(size_t pending_bytes) RESLAB_NOEXCEPT;

/* Figures of deferred reclamation, all since the start. Grows at its end only, as the structures of reslab.h do. */
struct reslab_rcu_stats {
  uint64_t taken;           /* objects the reclaimer has seen */
  uint64_t freed;           /* of these, freed */
  uint64_t pending_objects; /* retired and not freed; objects in pages that are not full yet are not counted */
  uint64_t pending_bytes;   /* likewise; of pages that were not taken in yet, an estimate */
  uint64_t by_bit;          /* objects that took the route by bits: no page, or none possible */
  uint64_t grace_periods;   /* that have ended */
  uint64_t gp_age_ms;       /* of the one that runs; 0 when none does */
  uint64_t gp_stalls;       /* that were reported */
  uint64_t barriers;        /* that were asked for */
  uint64_t waits;           /* of reslab_free_rcu_wait, above the limit */
  uint64_t refused;         /* calls refused with EDEADLK */
  uint64_t unthrottled;     /* calls of reslab_free_rcu that took a page, or went without, above the limit */
  uint64_t pages;           /* of pointers, made so far; 4 KiB each */
  uint64_t pages_spare;     /* of these, empty */
  uint64_t pages_aged;      /* taken in before they were full */
  uint64_t limit_bytes;     /* of reslab_rcu_set_limit; 0: none */
  uint32_t reclaimer;       /* 1: there is a thread that frees */
  uint32_t liburcu_locked;  /* 1: a forked child in which grace periods cannot end; all is kept */
  char flavor[16];          /* "memb", "mb", "qsbr", "bp", "signal", or "other" */
};

/* Stores the first `out_size` bytes in `*out`. 0, or EINVAL when `out` is NULL. Class any. */
RESLAB_API
int reslab_rcu_get_stats(struct reslab_rcu_stats* out, size_t out_size) RESLAB_NOEXCEPT;

#ifdef __cplusplus
}
#endif
/* clang-format on */

#endif /* RESLAB_RCU_H */
