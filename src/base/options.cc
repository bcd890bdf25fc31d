// SPDX-License-Identifier: Apache-2.0
#include "base/options.h"

#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"

// Where the kernel put arguments and environment, noted by glibc's loader; other libcs have no such name.
extern "C" __attribute__((weak)) void* __libc_stack_end;

namespace reslab {
namespace {

enum class Kind : uint8_t { kChoice, kFlag, kNumber, kText };
enum When : uint8_t { kFixed, kLive };

// Texts in place: each pointer would be a relocation at the start of every process.
struct Entry {
  char name[20];
  Kind kind;
  When when;
  size_t offset;
  char values[24];
  char help[128];
};

constexpr Entry kEntries[] = {
#define CHOICE(name, value, choices, help) {#name, Kind::kChoice, kFixed, offsetof(Options, name), choices, help},
#define FLAG(name, value, when, help) {#name, Kind::kFlag, when, offsetof(Options, name), "0|1", help},
#define NUMBER(name, value, when, unit, help) {#name, Kind::kNumber, when, offsetof(Options, name), unit, help},
#define TEXT(name, value, help) {#name, Kind::kText, kFixed, offsetof(Options, name), "text", help},
#include "base/options.def"
#undef CHOICE
#undef FLAG
#undef NUMBER
#undef TEXT
};

// A piece of the environment string; nothing is copied until a value is known to be good.
struct Piece {
  const char* data;
  size_t length;

  constexpr bool is(const char* s) const {
    size_t i = 0;
    while (i < length && s[i] != '\0' && s[i] == data[i]) ++i;
    return i == length && s[i] == '\0';
  }
  constexpr bool equals(Piece other) const {
    size_t i = 0;
    while (i < length && i < other.length && data[i] == other.data[i]) ++i;
    return i == length && i == other.length;
  }
};

constexpr Piece take_until(const char*& cursor, char stop, char other_stop) {
  const char* start = cursor;
  while (*cursor != '\0' && *cursor != stop && *cursor != other_stop) ++cursor;
  return {start, static_cast<size_t>(cursor - start)};
}

template <class T>
T& field(Options& options, const Entry& entry) {
  return *reinterpret_cast<T*>(reinterpret_cast<char*>(&options) + entry.offset);
}

// Index of `value` among "a|b|c", or -1.
constexpr int choice_index(const char* choices, Piece value) {
  for (int index = 0;; ++index) {
    const Piece choice = take_until(choices, '|', '|');
    if (choice.equals(value)) return index;
    if (*choices == '\0') return -1;
    ++choices;
  }
}

// The table's defaults as an object, computed at compile time.
constexpr Options make_defaults() {
  return {
#define CHOICE(name, value, choices, help) static_cast<uint32_t>(choice_index(choices, {(value), sizeof(value) - 1})),
#define FLAG(name, value, when, help) OptionValue<bool>((value) != 0),
#define NUMBER(name, value, when, unit, help) OptionValue<uint64_t>(value),
#define TEXT(name, value, help) value,
#include "base/options.def"
#undef CHOICE
#undef FLAG
#undef NUMBER
#undef TEXT
  };
}

bool parse_number(Piece value, uint64_t& out) {
  uint64_t number = 0;
  size_t i = 0;
  for (; i < value.length && value.data[i] >= '0' && value.data[i] <= '9'; ++i) {
    const auto digit = static_cast<uint64_t>(value.data[i] - '0');
    if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, digit, &number)) return false;
  }
  if (i == 0) return false;
  unsigned shift = 0;
  if (i + 1 == value.length) {
    const char suffix = value.data[i++];
    shift = suffix == 'k' ? 10 : suffix == 'm' ? 20 : suffix == 'g' ? 30 : 0;
    if (shift == 0 || number > (UINT64_MAX >> shift)) return false;
  }
  if (i != value.length) return false;
  out = number << shift;
  return true;
}

bool parse_value(Options& options, const Entry& entry, Piece value) {
  switch (entry.kind) {
    case Kind::kChoice: {
      const int index = choice_index(entry.values, value);
      if (index < 0) return false;
      field<uint32_t>(options, entry) = static_cast<uint32_t>(index);
      return true;
    }
    case Kind::kFlag:
      if (!value.is("0") && !value.is("1")) return false;
      field<OptionValue<bool>>(options, entry) = value.is("1");
      return true;
    case Kind::kNumber: {
      uint64_t number;
      if (!parse_number(value, number)) return false;
      field<OptionValue<uint64_t>>(options, entry) = number;
      return true;
    }
    case Kind::kText: {
      if (value.length >= kOptionTextBytes) return false;
      char* text = &field<char>(options, entry);
      __builtin_memcpy(text, value.data, value.length);
      text[value.length] = '\0';
      return true;
    }
  }
  return false;
}

const Entry* find_entry(Piece name) {
  for (const Entry& entry : kEntries) {
    if (name.is(entry.name)) return &entry;
  }
  return nullptr;
}

void complain(Speak speak, const char* what, Piece name, const char* why) {
  if (speak == Speak::kNo) return;
  Line line;
  line.text("reslab: RESLAB_OPTIONS: ").text(what).text(" '").text(name.data, name.length).text("' ").text(why);
  line.write_to(STDERR_FILENO);
}

void print_help() {
  for (const Entry& entry : kEntries) {
    Line line;
    line.text("reslab: option ").text(entry.name).text("=");
    format_option(default_options, entry.name, line);
    line.text("  (").text(entry.values).text("): ").text(entry.help);
    line.write_to(STDERR_FILENO);
  }
}

Piece take_name(const char*& cursor) { return take_until(cursor, '=', ':'); }

// Each unknown name is named once.
bool was_named_before(const char* all, Piece name) {
  for (const char* cursor = all; cursor < name.data; ++cursor) {
    const Piece earlier = take_name(cursor);
    const bool is_nothing = earlier.length == 0 && *cursor != '=';  // "::"
    if (!is_nothing && earlier.data != name.data && earlier.equals(name)) return true;
    take_until(cursor, ':', ':');
  }
  return false;
}

void parse_one(Options& options, Speak speak, const char* all, const char*& cursor) {
  const Piece name = take_name(cursor);
  Piece value = {"1", 1};  // a bare name switches a flag on
  const bool has_value = *cursor == '=';
  if (has_value) {
    ++cursor;
    value = take_until(cursor, ':', ':');
  }
  if (name.length == 0 && !has_value) return;  // "::"
  const Entry* entry = find_entry(name);
  if (!has_value && entry != nullptr && entry->kind != Kind::kFlag) {
    complain(speak, "option", name, "needs a value and is ignored");
    return;
  }
  if (entry == nullptr) {
    if (was_named_before(all, name)) return;
    complain(speak, "unknown option", name, "is ignored (RESLAB_OPTIONS=help lists all)");
  } else if (!parse_value(options, *entry, value)) {
    complain(speak, "bad value for option", name, "is ignored");
  }
}

// The constructor sets `environ` and this name; a program may take its environment away later, and is heard.
bool libc_has_begun() { return environ != nullptr || *program_invocation_name != '\0'; }

// Under an auditor (LD_AUDIT) the loader itself allocates, before libc's constructor: then what the kernel has put on the
// stack. nullptr: there is none.
const char* const* environment() {
  if (libc_has_begun() || &__libc_stack_end == nullptr) return environ;
  const auto* count = static_cast<const size_t*>(__libc_stack_end);  // of arguments; these follow, and a NULL
  return reinterpret_cast<const char* const*>(count + 1 + *count + 1);
}

// Not by getenv: one symbol less for the loader to look for at each start.
const char* options_in_environment() {
  constexpr char kBegin[] = "RESLAB_OPTIONS=";
  for (const char* const* text = environment(); text != nullptr && *text != nullptr; ++text) {
    size_t same = 0;
    while (same < sizeof kBegin - 1 && (*text)[same] == kBegin[same]) ++same;
    if (same == sizeof kBegin - 1) return *text + same;
  }
  return nullptr;
}

void parse_all(Options& options, Speak speak, const char* all) {
  for (const char* cursor = all; *cursor != '\0';) {
    parse_one(options, speak, all, cursor);
    if (*cursor == ':') ++cursor;
  }
}

// What the option stands for, and again what is said of these themselves.
void harden(Options& options, const char* all) {
  options.random_placement = true;
  options.zero_on_free = true;
  options.check_frees = true;
  options.guard_metadata = true;
  options.check_sizes = true;
  parse_all(options, Speak::kNo, all);
}

}  // namespace

constinit const Options default_options = make_defaults();

void parse_options(Options& options, Speak speak) {
  options = default_options;
  if (getauxval(AT_SECURE) != 0) return;
  const char* all = options_in_environment();
  if (all == nullptr) return;
  parse_all(options, speak, all);
  if (options.harden) harden(options, all);
  if (options.help && speak == Speak::kYes) print_help();
}

OptionSet set_option(Options& options, const char* name, const char* value) {
  const Entry* entry = find_entry({name, __builtin_strlen(name)});
  if (entry == nullptr) return OptionSet::kUnknown;
  if (entry->when == kFixed) return OptionSet::kIsFixed;
  return parse_value(options, *entry, {value, __builtin_strlen(value)}) ? OptionSet::kDone : OptionSet::kBadValue;
}

bool format_option(const Options& options, const char* name, Line& out) {
  const Entry* entry = find_entry({name, __builtin_strlen(name)});
  if (entry == nullptr) return false;
  const char* base = reinterpret_cast<const char*>(&options) + entry->offset;
  switch (entry->kind) {
    case Kind::kChoice: {
      const char* cursor = entry->values;
      for (uint32_t left = *reinterpret_cast<const uint32_t*>(base); left > 0; --left) {
        take_until(cursor, '|', '|');
        ++cursor;
      }
      const Piece choice = take_until(cursor, '|', '|');
      out.text(choice.data, choice.length);
      break;
    }
    case Kind::kFlag:
      out.dec(*reinterpret_cast<const OptionValue<bool>*>(base));
      break;
    case Kind::kNumber:
      out.dec(*reinterpret_cast<const OptionValue<uint64_t>*>(base));
      break;
    case Kind::kText:
      out.text(base);
      break;
  }
  return true;
}

}  // namespace reslab
