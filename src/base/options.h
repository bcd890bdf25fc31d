// SPDX-License-Identifier: Apache-2.0
// Options: one table (options.def), parsed once from the environment while the root is made. Parsing allocates nothing
// and is idempotent, since every first comer does it for a root of its own (19). Ignored in set-uid programs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace reslab {

class Line;

inline constexpr size_t kOptionTextBytes = 256;

struct Options {
#define CHOICE(name, default_value, choices, help) uint32_t name;  // index among the choices
#define FLAG(name, default_value, help) bool name;
#define NUMBER(name, default_value, unit, help) uint64_t name;
#define TEXT(name, default_value, help) char name[kOptionTextBytes];
#include "base/options.def"
#undef CHOICE
#undef FLAG
#undef NUMBER
#undef TEXT
};

enum class ModeOption : uint32_t { kAuto, kRseq, kFallback };
enum class SlotsOption : uint32_t { kAuto, kMmCid, kCpuId };
enum class VforkOption : uint32_t { kFork, kNative };
enum class LocalLockOption : uint32_t { kTry, kAlways, kNever };

extern const Options default_options;

// Fills `options` with the defaults and what the environment says; complaints and help go to stderr if `speak`.
enum class Speak : uint8_t { kNo, kYes };
void parse_options(Options& options, Speak speak);

// Writes the value of one option as text; false if there is none of that name.
bool format_option(const Options& options, const char* name, Line& out);

// Of the published root, or of the defaults before there is one.
const Options& options();

// vfork may be the first call into reslab.
bool option_vfork_native();

}  // namespace reslab
