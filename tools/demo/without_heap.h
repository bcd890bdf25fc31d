// SPDX-License-Identifier: Apache-2.0
// Speaking while malloc may be stuck: text and stack traces to standard error, from any context, without the heap.
#pragma once

// As printf, for text up to 255 bytes. (printf and dprintf allocate a buffer.)
[[gnu::format(printf, 1, 2)]] void say(const char* format, ...);

// Finds the unwinder, which allocates: once, before a handler needs it.
void prepare_stack_trace();

// The calls on this thread's stack that have a name, innermost first; "..." stands for those that have none.
void say_stack_trace();
