// SPDX-License-Identifier: Apache-2.0
#include "base/unwind.h"

#include <dlfcn.h>
#include <link.h>
#include <unwind.h>

#include <atomic>

#include "base/text.h"

// In the program already, if it is written in C++ or was linked with a runtime that unwinds.
#pragma weak _Unwind_Backtrace
#pragma weak _Unwind_GetIPInfo
#ifdef __GLIBC__
#pragma weak _dl_find_object
#endif

namespace reslab {
namespace {

using Backtrace = _Unwind_Reason_Code (*)(_Unwind_Trace_Fn, void*);
using GetIpInfo = uintptr_t (*)(_Unwind_Context*, int*);

constinit std::atomic<Backtrace> loaded_backtrace{nullptr};
constinit std::atomic<GetIpInfo> loaded_ip_info{nullptr};

// Are the unwinder's tables where it finds them without a lock? A static C program has none there: its start files
// register them instead, and the unwinder then sorts them under a mutex, in memory from malloc.
bool has_tables() {
#ifdef __GLIBC__
  dl_find_object found;
  return _dl_find_object != nullptr && _dl_find_object(reinterpret_cast<void*>(&take_stack), &found) == 0 &&
         found.dlfo_eh_frame != nullptr;
#else
  return true;
#endif
}

// False until the program's start: before, asking is a crash in a static program.
constinit std::atomic<bool> tables_are_there{false};
__attribute__((constructor)) void look_for_tables() { tables_are_there.store(has_tables(), std::memory_order_relaxed); }

// Both or none: the second is stored first (release) and read last.
Backtrace backtrace() {
  if (!tables_are_there.load(std::memory_order_relaxed)) return nullptr;
  const Backtrace loaded = loaded_backtrace.load(std::memory_order_acquire);
  return loaded != nullptr ? loaded : _Unwind_Backtrace;
}
uintptr_t ip_of(_Unwind_Context* context, bool& interrupted) {
  const GetIpInfo loaded = loaded_ip_info.load(std::memory_order_relaxed);
  int before = 0;
  const uintptr_t ip = loaded != nullptr ? loaded(context, &before) : _Unwind_GetIPInfo(context, &before);
  interrupted = before != 0;
  return ip;
}

_Unwind_Reason_Code push_frame(_Unwind_Context* context, void* where) {
  auto& stack = *static_cast<Stack*>(where);
  bool interrupted;
  const uintptr_t ip = ip_of(context, interrupted);
  if (ip == 0 || stack.depth == Stack::kMost) return _URC_END_OF_STACK;
  stack.pc[stack.depth++] = ip;
  return _URC_NO_REASON;
}

_Unwind_Reason_Code look_for_signal(_Unwind_Context* context, void* found) {
  bool interrupted;
  ip_of(context, interrupted);
  *static_cast<bool*>(found) |= interrupted;
  return interrupted ? _URC_END_OF_STACK : _URC_NO_REASON;
}

// The name and start of the module of an address; nullptr if there is none.
const char* module_of(uintptr_t pc, uintptr_t& start) {
#ifdef __GLIBC__
  dl_find_object found;
  if (_dl_find_object == nullptr || _dl_find_object(reinterpret_cast<void*>(pc), &found) != 0) return nullptr;
  start = found.dlfo_link_map->l_addr;
  const char* name = found.dlfo_link_map->l_name;
  return name[0] != '\0' ? name : "program";
#else
  (void)pc;
  (void)start;
  return nullptr;
#endif
}

}  // namespace

void take_stack(Stack& stack) {
  stack.depth = 0;
  const Backtrace trace = backtrace();
  if (trace != nullptr) trace(push_frame, &stack);
}

void drop_own_frames(Stack& stack) {
#ifdef __GLIBC__
  dl_find_object own;
  if (_dl_find_object == nullptr || _dl_find_object(reinterpret_cast<void*>(&take_stack), &own) != 0) return;
  if (own.dlfo_link_map->l_name[0] == '\0') return;  // the program itself
  const auto start = reinterpret_cast<uintptr_t>(own.dlfo_map_start);
  const auto bytes = reinterpret_cast<uintptr_t>(own.dlfo_map_end) - start;
  size_t first = 0;
  while (first < stack.depth && stack.pc[first] - start < bytes) ++first;  // ends: it grows
  stack.depth -= first;
  __builtin_memmove(stack.pc, stack.pc + first, stack.depth * sizeof stack.pc[0]);
#else
  (void)stack;
#endif
}

bool is_below_signal_frame() {
  bool found = false;
  const Backtrace trace = backtrace();
  if (trace != nullptr) trace(look_for_signal, &found);
  return found;
}

void prepare_unwinder() {
  look_for_tables();
  Stack first;
  take_stack(first);
}

void load_unwinder(LoadLibrary load, FindSymbol find) {
  look_for_tables();
  if (backtrace() != nullptr) return prepare_unwinder();
  void* runtime = load("libgcc_s.so.1");
  if (runtime == nullptr) return;
  const auto ip_info = reinterpret_cast<GetIpInfo>(find(runtime, "_Unwind_GetIPInfo"));
  const auto trace = reinterpret_cast<Backtrace>(find(runtime, "_Unwind_Backtrace"));
  if (ip_info == nullptr || trace == nullptr) return;
  loaded_ip_info.store(ip_info, std::memory_order_relaxed);
  loaded_backtrace.store(trace, std::memory_order_release);
  prepare_unwinder();
}

void describe_code(Line& line, uintptr_t pc) {
  uintptr_t start = 0;
  const char* name = module_of(pc, start);
  if (name == nullptr) line.hex(pc);
  else line.text(name).text("+").hex(pc - start);
}

}  // namespace reslab
