// SPDX-License-Identifier: Apache-2.0
#include "request.h"

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "item.h"

namespace cache_server {
namespace {

struct Form {
  std::string_view name;
  Verb verb;
  size_t least, most;  // words behind the verb
};
constexpr Form kForms[] = {
    {"set", Verb::kSet, 4, 5},
    {"add", Verb::kAdd, 4, 5},
    {"replace", Verb::kReplace, 4, 5},
    {"append", Verb::kAppend, 4, 5},
    {"prepend", Verb::kPrepend, 4, 5},
    {"cas", Verb::kCas, 5, 6},
    {"delete", Verb::kDelete, 1, 3},
    {"incr", Verb::kIncrement, 2, 3},
    {"decr", Verb::kDecrement, 2, 3},
    {"touch", Verb::kTouch, 2, 3},
    {"flush_all", Verb::kFlushAll, 0, 2},
    {"stats", Verb::kStats, 0, 1},
    {"version", Verb::kVersion, 0, 0},
    {"verbosity", Verb::kVerbosity, 1, 2},
    {"quit", Verb::kQuit, 0, 0},
};
constexpr size_t kMostWords = 6;
constexpr std::string_view kBadTime = "CLIENT_ERROR invalid exptime argument";
constexpr std::string_view kBadDelta = "CLIENT_ERROR invalid numeric delta argument";
constexpr std::string_view kBadDelete = "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]";
constexpr int64_t kMostRelative = 30 * 24 * 3600;  // seconds from now on; above that it is a time

template <class Number>
bool parse_all(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_expiry(std::string_view text, uint32_t& expires) {
  int64_t seconds = 0;
  if (!parse_all(text, seconds)) return false;
  if (seconds < 0) {
    expires = 1;  // long ago
  } else if (seconds > 0 && seconds <= kMostRelative) {
    expires = now() + static_cast<uint32_t>(seconds);
  } else {
    expires = static_cast<uint32_t>(std::min(seconds, int64_t{UINT32_MAX}));
  }
  return true;
}

// Flags, time, length and, for cas, its number; the answer to what is wrong.
std::string_view parse_storage(const std::string_view* words, Request& request) {
  int32_t bytes = 0;  // so that more than 2 GiB is no length, as for memcached
  const bool is_right = parse_all(words[1], request.flags) && parse_expiry(words[2], request.expires) &&
                        parse_all(words[3], bytes) && bytes >= 0 &&
                        (request.verb != Verb::kCas || parse_number(words[4], request.number));
  request.data_bytes = static_cast<uint32_t>(bytes);
  return is_right ? std::string_view() : kBadFormat;
}

// The words behind the verb, `count` of them without a final noreply; the answer to what is wrong.
std::string_view parse_words(const std::string_view* words, size_t count, Request& request) {
  switch (request.verb) {
    case Verb::kDelete:
      return count > 1 && words[1] != "0" ? kBadDelete : std::string_view();  // once a time to wait
    case Verb::kIncrement:
    case Verb::kDecrement:
      return parse_number(words[1], request.number) ? std::string_view() : kBadDelta;
    case Verb::kTouch:
      return parse_expiry(words[1], request.expires) ? std::string_view() : kBadTime;
    case Verb::kFlushAll:
      return count == 0 || parse_expiry(words[0], request.expires) ? std::string_view() : kBadTime;
    case Verb::kVerbosity:
      return count == 0 || parse_number(words[0], request.number) ? std::string_view() : kBadFormat;
    case Verb::kStats:
      return count == 0 ? std::string_view() : kError;
    case Verb::kVersion:
    case Verb::kQuit:
      return {};
    default:
      return parse_storage(words, request);
  }
}

bool has_key(Verb verb) {
  return verb != Verb::kFlushAll && verb != Verb::kStats && verb != Verb::kVersion && verb != Verb::kVerbosity &&
         verb != Verb::kQuit;
}

Request refused(std::string_view error) {
  Request request;
  request.error = error;
  return request;
}

}  // namespace

Request parse(std::string_view line) {
  const std::string_view name = take_word(line);
  const auto* form = std::find_if(std::begin(kForms), std::end(kForms), [&](const Form& f) { return f.name == name; });
  if (form == std::end(kForms)) return refused(kError);

  std::string_view words[kMostWords + 1];
  size_t count = 0;
  while (count <= form->most && !(words[count] = take_word(line)).empty()) ++count;
  if (count < form->least || count > form->most) return refused(kError);

  Request request;
  request.verb = form->verb;
  request.is_silent = form->verb != Verb::kStats && count > 0 && words[count - 1] == "noreply";
  if (has_key(form->verb)) {
    request.key = words[0];
    if (request.key.size() > kMaxKeyBytes) request.error = kBadFormat;
  }
  if (request.error.empty()) request.error = parse_words(words, count - (request.is_silent ? 1 : 0), request);
  return request;
}

std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

bool parse_number(std::string_view text, uint64_t& number) { return parse_all(text, number); }

}  // namespace cache_server
