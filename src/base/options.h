// SPDX-License-Identifier: Apache-2.0
// Options: one table (options.def), parsed once from the environment while the root is made. Parsing allocates nothing
// and is idempotent, since every first comer does it for a root of its own (19). Ignored in set-uid programs.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace reslab {

class Line;

inline constexpr size_t kOptionTextBytes = 256;

// Read at any time, also while a program sets it. relaxed: each is a value of its own, and says nothing of other memory.
// Copied as it is: while a root is made, and by those who read the memory of another process.
template <class T>
class OptionValue {
 public:
  constexpr OptionValue() = default;
  constexpr explicit OptionValue(T value) : value_(value) {}
  OptionValue& operator=(T value) {
    std::atomic_ref<T>(value_).store(value, std::memory_order_relaxed);
    return *this;
  }
  // The cast: there is no atomic reference to what is const before C++26.
  operator T() const { return std::atomic_ref<T>(const_cast<T&>(value_)).load(std::memory_order_relaxed); }

 private:
  T value_ = {};
};

struct Options {
#define CHOICE(name, default_value, choices, help) uint32_t name;  // index among the choices
#define FLAG(name, default_value, when, help) OptionValue<bool> name;
#define NUMBER(name, default_value, when, unit, help) OptionValue<uint64_t> name;
#define TEXT(name, default_value, help) char name[kOptionTextBytes];
#include "base/options.def"
#undef CHOICE
#undef FLAG
#undef NUMBER
#undef TEXT
};

enum class ModeOption : uint32_t { kAuto, kRseq, kFallback };
enum class SlotsOption : uint32_t { kAuto, kMmCid, kCpuId };
enum class PagesOption : uint32_t { k4KiB, k16KiB, k64KiB };
enum class VforkOption : uint32_t { kFork, kNative };
enum class LocalLockOption : uint32_t { kTry, kAlways, kNever };
enum class ThpOption : uint32_t { kSystem, kAlways, kNever };

extern const Options default_options;

// Fills `options` with the defaults and what the environment says; complaints and help go to stderr if `speak`.
enum class Speak : uint8_t { kNo, kYes };
void parse_options(Options& options, Speak speak);

// Writes the value of one option as text; false if there is none of that name.
bool format_option(const Options& options, const char* name, Line& out);

// What reslab_option_set says of it.
enum class OptionSet : uint8_t { kDone, kUnknown, kBadValue, kIsFixed };
OptionSet set_option(Options& options, const char* name, const char* value);

// Of the published root, or of the defaults before there is one.
const Options& options();

// vfork may be the first call into reslab.
bool option_vfork_native();

}  // namespace reslab
