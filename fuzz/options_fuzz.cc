// SPDX-License-Identifier: Apache-2.0
// RESLAB_OPTIONS out of arbitrary bytes, against a second reading of what base/options.def says: each piece that is no good
// is named once, in the words that it deserves, and changes nothing; every other piece holds; and what the library writes of
// its options it reads back as the same.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/options.h"
#include "base/text.h"
#include "require.h"

namespace {

using fuzz::require;
using namespace reslab;

enum class Kind { kChoice, kFlag, kNumber, kText };
struct Known {
  Kind kind;
  std::string choices;
};
const std::map<std::string, Known> kKnown = {
#define CHOICE(name, value, choices, help) {#name, {Kind::kChoice, choices}},
#define FLAG(name, value, when, help) {#name, {Kind::kFlag, "0|1"}},
#define NUMBER(name, value, when, unit, help) {#name, {Kind::kNumber, ""}},
#define TEXT(name, value, help) {#name, {Kind::kText, ""}},
#include "base/options.def"
#undef CHOICE
#undef FLAG
#undef NUMBER
#undef TEXT
};
constexpr const char* kHardened[] = {"random_placement", "zero_on_free", "check_frees", "guard_metadata",
                                     "check_sizes"};

using Values = std::map<std::string, std::string>;  // as they are written

// --- what is to come of a text ---------------------------------------------------------------------------------------

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at) parts.emplace_back();
    else parts.back() += c;
  }
  return parts;
}

// Decimal, with a suffix; none where it is no number, or does not fit 64 bits.
std::optional<std::string> number_in(std::string text) {
  const size_t suffix = text.empty() ? std::string::npos : std::string("kmg").find(text.back());
  if (suffix != std::string::npos) text.pop_back();
  const size_t zeroes = std::min(text.find_first_not_of('0'), text.size());
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos || text.size() - zeroes > 20) return {};
  __extension__ unsigned __int128 number = 0;
  for (const char c : text) number = number * 10 + static_cast<unsigned>(c - '0');
  if (suffix != std::string::npos) number <<= 10 * (suffix + 1);
  if (number > UINT64_MAX) return {};
  return std::to_string(static_cast<uint64_t>(number));
}

// As it will be written; none where it is no good.
std::optional<std::string> value_in(const Known& known, const std::string& text) {
  if (known.kind == Kind::kNumber) return number_in(text);
  if (known.kind == Kind::kText) return text.size() < kOptionTextBytes ? std::optional(text) : std::nullopt;
  const std::vector<std::string> choices = split(known.choices, '|');
  return std::ranges::find(choices, text) != choices.end() ? std::optional(text) : std::nullopt;
}

Values values_of(const Options& options) {
  Values values;
  for (const auto& [name, known] : kKnown) {
    Line line;
    require(format_option(options, name.c_str(), line), "an option of the table has a value");
    values[name] = line.c_str();
  }
  return values;
}

struct Expected {
  Values values = values_of(default_options);
  std::string said;
  std::set<std::string> good, unknown;  // names

  void say(const std::string& what, const std::string& name, const std::string& why) {
    constexpr size_t kLine = 382;  // base/text.h
    std::string line = "reslab: RESLAB_OPTIONS: ";
    line.append(what).append(" '").append(name).append("' ").append(why);
    said.append(line, 0, kLine).append("\n");
  }

  void add(const std::string& piece) {
    if (piece.empty()) return;
    const size_t equals = std::min(piece.find('='), piece.size());
    const std::string name = piece.substr(0, equals);
    const bool is_bare = equals == piece.size();
    const auto found = kKnown.find(name);
    if (found == kKnown.end()) {
      if (unknown.insert(name).second) say("unknown option", name, "is ignored (RESLAB_OPTIONS=help lists all)");
    } else if (is_bare && found->second.kind != Kind::kFlag) {
      say("option", name, "needs a value and is ignored");
    } else if (const auto value = is_bare ? "1" : value_in(found->second, piece.substr(equals + 1))) {
      values[name] = *value;
      good.insert(name);
    } else {
      say("bad value for option", name, "is ignored");
    }
  }

  void harden() {
    for (const char* name : kHardened) {
      if (values["harden"] == "1" && !good.contains(name)) values[name].assign(1, '1');  // gcc 12 warns of = "1"
    }
  }
};

Expected expect_of(const std::string& text) {
  Expected expected;
  for (const std::string& piece : split(text, ':')) expected.add(piece);
  expected.harden();
  return expected;
}

// --- what comes of it ------------------------------------------------------------------------------------------------

Values parse(const std::string& text, Speak speak) {
  setenv("RESLAB_OPTIONS", text.c_str(), 1);
  Options options;
  parse_options(options, speak);
  return values_of(options);
}

// What parsing says on stderr, which is a file in memory meanwhile.
std::string said_about(const std::string& text) {
  static const int file = memfd_create("said", MFD_CLOEXEC), kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  require(file >= 0 && kept >= 0 && ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0, "stderr can be a file");
  dup2(file, STDERR_FILENO);
  parse(text, Speak::kYes);
  dup2(kept, STDERR_FILENO);
  std::string said(static_cast<size_t>(lseek(file, 0, SEEK_CUR)), '\0');
  require(pread(file, said.data(), said.size(), 0) == static_cast<ssize_t>(said.size()), "that file can be read");
  return said;
}

std::string written(const Values& values) {
  std::string text;
  for (const auto& [name, value] : values) text += name + "=" + value + ":";
  return text;
}

// Each piece again, while the program runs.
void set_each(const std::string& text) {
  for (const std::string& piece : split(text, ':')) {
    const size_t equals = std::min(piece.find('='), piece.size());
    const std::string name = piece.substr(0, equals), value = piece.substr(std::min(equals + 1, piece.size()));
    Options options = default_options;
    const OptionSet set = set_option(options, name.c_str(), value.c_str());
    const auto found = kKnown.find(name);
    require((set == OptionSet::kUnknown) == (found == kKnown.end()), "an option is known by its name alone");
    Values wanted = values_of(default_options);
    if (set == OptionSet::kDone) wanted[name] = value_in(found->second, value).value_or("a bad value was taken");
    require(values_of(options) == wanted, "an option that is set changes itself alone");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(data, std::find(data, data + size, '\0'));
  const Expected expected = expect_of(text);
  const Values values = parse(text, Speak::kNo);
  require(values == expected.values, "each option has the value that was said last and is good");
  const std::string said = said_about(text);
  const bool with_help = values.at("help") == "1";
  if (with_help ? !said.starts_with(expected.said) : said != expected.said) {
    std::fprintf(stderr, "it says\n%sinstead of\n%s", said.c_str(), expected.said.c_str());
    require(false, "what is no good is named, and once");
  }
  require(parse(written(values), Speak::kNo) == values, "what is written is read back as the same");
  set_each(text);
  return 0;
}
