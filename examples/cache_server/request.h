// SPDX-License-Identifier: Apache-2.0
// A line of memcached's text protocol, but for `get`, whose keys are answered one by one as they come (session.h).
#pragma once

#include <cstdint>
#include <string_view>

namespace cache_server {

enum class Verb {
  kSet,
  kAdd,
  kReplace,
  kAppend,
  kPrepend,
  kCas,
  kDelete,
  kIncrement,
  kDecrement,
  kTouch,
  kFlushAll,
  kStats,
  kVersion,
  kVerbosity,
  kQuit
};

struct Request {
  Verb verb = Verb::kQuit;
  std::string_view error;  // the answer, where the line is no request; then nothing else holds
  bool is_silent = false;  // noreply
  std::string_view key;
  uint32_t flags = 0;
  uint32_t expires = 0;     // a time, or 0: never
  uint32_t data_bytes = 0;  // that follow the line
  uint64_t number = 0;      // cas, or what incr and decr change by
};

constexpr std::string_view kError = "ERROR";
constexpr std::string_view kBadFormat = "CLIENT_ERROR bad command line format";

// `line` is without its end. The request's views are into it.
Request parse(std::string_view line);

// The first word, which is taken off `text` with the blanks before it; empty at the end.
std::string_view take_word(std::string_view& text);

// All of `text`, in decimal.
bool parse_number(std::string_view text, uint64_t& number);

}  // namespace cache_server
