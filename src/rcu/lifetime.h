// SPDX-License-Identifier: Apache-2.0
// The threads: when they are made, what a forked child does without them, how they end.
#pragma once

namespace reslab {

struct RcuCore;

// At load, or before if somebody calls earlier: all that reslab_free_rcu needs to keep objects. Plain. False: the core
// is of another version, or there is no memory.
bool prepare_rcu();

// Makes sure that somebody frees, or that another thread is about to. Plain, not from a handler. 0; EAGAIN, ENOMEM,
// ENOTSUP; EDEADLK: this is a child in which liburcu is locked for ever, or the process is ending.
int start_reclaiming();
// Is there a thread that frees, in this process?
bool has_reclaimer();

// In a child where liburcu is locked: this thread is the only one and no reader, so all that is retired is freed.
// False: that is not so.
bool reclaim_alone();

}  // namespace reslab
