// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace cache_server {
namespace {

constexpr std::string_view kTooLarge = "SERVER_ERROR object too large for cache";
constexpr std::string_view kOutOfMemory = "SERVER_ERROR out of memory storing object";
constexpr std::string_view kNotFound = "NOT_FOUND";
constexpr std::string_view kNotNumeric = "CLIENT_ERROR cannot increment or decrement non-numeric value";

std::string_view answer_to(Outcome outcome) {
  switch (outcome) {
    case Outcome::kStored:
      return "STORED";
    case Outcome::kExists:
      return "EXISTS";
    case Outcome::kNotFound:
      return kNotFound;
    case Outcome::kTooLarge:
      return kTooLarge;
    case Outcome::kOutOfMemory:
      return kOutOfMemory;
    default:
      return "NOT_STORED";
  }
}

Condition condition_of(Verb verb) {
  switch (verb) {
    case Verb::kAdd:
      return Condition::kAbsent;
    case Verb::kReplace:
      return Condition::kPresent;
    case Verb::kCas:
      return Condition::kSame;
    default:
      return Condition::kAlways;
  }
}

// What a value counts; spaces behind it are what is left of a longer number.
bool number_of(std::string_view text, uint64_t& number) {
  return parse_number(text.substr(0, text.find_last_not_of(' ') + 1), number);
}

uint64_t changed(uint64_t number, const Request& request) {
  if (request.verb == Verb::kIncrement) return number + request.number;  // around at 2^64
  return number - std::min(number, request.number);
}

}  // namespace

size_t Session::consume(std::string_view input, Output& output) {
  const size_t before = input.size();
  while (!input.empty() && !is_over_ && !output.is_full()) {
    const size_t taken = consume_one(input, output);
    if (taken == 0) break;
    input.remove_prefix(taken);
  }
  return before - input.size();
}

size_t Session::consume_one(std::string_view input, Output& output) {
  switch (expects_) {
    case Expects::kLine:
      return take_line(input, output);
    case Expects::kKeys:
      return take_key(input, output);
    case Expects::kData: {
      const size_t bytes = input.copy(wanted_data().data(), data_left_);
      data_came(bytes, output);
      return bytes;
    }
    case Expects::kUnwantedData: {
      const size_t bytes = std::min(input.size(), data_left_);
      data_left_ -= bytes;
      if (data_left_ == 0) expects_ = Expects::kLine;
      return bytes;
    }
    default:
      return skip_line(input);
  }
}

size_t Session::take_line(std::string_view input, Output& output) {
  std::string_view rest = input;
  const std::string_view verb = take_word(rest);
  if ((verb == "get" || verb == "gets") && !rest.empty()) {
    begin_get(verb == "gets");
    return input.size() - rest.size();
  }
  const size_t end = input.find('\n');
  if (std::min(end, input.size()) > kMaxLineBytes) {
    is_silent_ = false;
    answer("CLIENT_ERROR line too long", output);
    expects_ = Expects::kUnwantedLine;
    return skip_line(input);
  }
  if (end == std::string_view::npos) return 0;
  std::string_view line = input.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  const Request request = parse(line);
  is_silent_ = request.is_silent;
  if (request.error.empty()) {
    execute(request, output);
  } else {
    answer(request.error, output);
  }
  return end + 1;
}

size_t Session::skip_line(std::string_view input) {
  const size_t end = input.find('\n');
  if (end == std::string_view::npos) return input.size();
  expects_ = Expects::kLine;
  return end + 1;
}

// ---- get: a key at a time, however long the line is ---------------------------------------------------------------

void Session::begin_get(bool with_cas) {
  expects_ = Expects::kKeys;
  with_cas_ = with_cas;
  is_silent_ = false;
  keys_ = 0;
}

size_t Session::take_key(std::string_view input, Output& output) {
  const size_t begin = input.find_first_not_of(' ');
  if (begin == std::string_view::npos) return input.size();
  const size_t end = input.find_first_of(" \n", begin);
  std::string_view key = input.substr(begin, end - begin);
  const bool is_last = end != std::string_view::npos && input[end] == '\n';
  if (is_last && key.ends_with('\r')) key.remove_suffix(1);
  if (end == std::string_view::npos && key.size() <= kMaxKeyBytes + 1) return begin;  // there is more of it to come
  if (key.size() > kMaxKeyBytes) {
    answer(kBadFormat, output);
    expects_ = Expects::kUnwantedLine;
    return skip_line(input);
  }
  if (!key.empty()) answer_get(key, output);
  if (!is_last) return end;
  answer(keys_ == 0 ? kError : "END", output);
  expects_ = Expects::kLine;
  return end + 1;
}

void Session::answer_get(std::string_view key, Output& output) {
  ++keys_;
  Counters::add(counters_.gets);
  const bool is_hit = service_.tenant_of(key).get(key, [&](const Value& value) {
    output.put("VALUE ", key, " ", uint64_t{value.flags}, " ", uint64_t{value.data_bytes});
    if (with_cas_) output.put(" ", value.cas);
    output.put(kLineEnd, value.line());
  });
  if (is_hit) Counters::add(counters_.hits);
}

// ---- all other commands -------------------------------------------------------------------------------------------

void Session::execute(const Request& request, Output& output) {
  switch (request.verb) {
    case Verb::kDelete:
      return answer(service_.tenant_of(request.key).erase(request.key) ? "DELETED" : kNotFound, output);
    case Verb::kIncrement:
    case Verb::kDecrement:
      return count(request, output);
    case Verb::kTouch:
      Counters::add(counters_.touches);
      return answer(service_.tenant_of(request.key).touch(request.key, request.expires) ? "TOUCHED" : kNotFound,
                    output);
    case Verb::kFlushAll:
      Counters::add(counters_.flushes);
      service_.clear(request.expires);
      return answer("OK", output);
    case Verb::kStats:
      return service_.report(output);
    case Verb::kVersion:
      output.put("VERSION ", kVersion, kLineEnd);
      return;
    case Verb::kVerbosity:
      return answer("OK", output);  // there is nothing that it would say
    case Verb::kQuit:
      is_over_ = true;
      return;
    default:
      return begin_data(request, output);
  }
}

// incr and decr. A shorter number keeps its value's length, as memcached has it.
void Session::count(const Request& request, Output& output) {
  uint64_t number = 0;
  char digits[20];
  size_t length = 0;
  const auto plan = [&](const Value& old) -> std::optional<uint32_t> {
    if (!number_of(old.contents(), number)) return {};
    number = changed(number, request);
    length = static_cast<size_t>(std::to_chars(digits, digits + sizeof digits, number).ptr - digits);
    return static_cast<uint32_t>(std::max<size_t>(length, old.data_bytes));
  };
  const auto fill = [&](const Value&, Value& fresh) {
    memset(fresh.data(), ' ', fresh.data_bytes);
    memcpy(fresh.data(), digits, length);
  };
  const Outcome outcome = service_.tenant_of(request.key).edit(request.key, plan, fill);
  if (outcome == Outcome::kStored) return answer(std::string_view(digits, length), output);
  answer(outcome == Outcome::kRefused ? kNotNumeric : answer_to(outcome), output);
}

// The value is made first and received into its place.
void Session::begin_data(const Request& request, Output& output) {
  Counters::add(counters_.sets);
  tenant_ = &service_.tenant_of(request.key);
  if (!tenant_->could_hold(request.key.size(), request.data_bytes)) return refuse_data(request, kTooLarge, output);
  value_ = tenant_->make_value(request.key, {request.flags, request.expires}, request.data_bytes);
  if (value_ == nullptr) return refuse_data(request, kOutOfMemory, output);
  verb_ = request.verb;
  cas_ = request.number;
  data_left_ = request.data_bytes + kLineEnd.size();
  expects_ = Expects::kData;
}

void Session::refuse_data(const Request& request, std::string_view text, Output& output) {
  // What the client wanted to replace is out of date, whoever reads it next.
  if (request.verb == Verb::kSet) tenant_->erase(request.key);
  data_left_ = request.data_bytes + kLineEnd.size();
  expects_ = Expects::kUnwantedData;
  answer(text, output);
}

std::span<char> Session::wanted_data() {
  if (expects_ != Expects::kData) return {};
  char* const end = value_->data() + value_->data_bytes + kLineEnd.size();
  return {end - data_left_, data_left_};
}

void Session::data_came(size_t bytes, Output& output) {
  data_left_ -= bytes;
  if (data_left_ == 0) end_data(output);
}

void Session::end_data(Output& output) {
  expects_ = Expects::kLine;
  if (value_->line().ends_with(kLineEnd)) return answer(answer_to(store_value()), output);
  drop_value();
  answer("CLIENT_ERROR bad data chunk", output);
}

Outcome Session::store_value() {
  if (verb_ == Verb::kAppend || verb_ == Verb::kPrepend) {
    const Outcome outcome = join(*value_);
    drop_value();
    return outcome == Outcome::kNotFound ? Outcome::kNotStored : outcome;
  }
  Value& value = *value_;
  value_ = nullptr;
  return tenant_->store(value, condition_of(verb_), cas_);
}

Outcome Session::join(const Value& piece) {
  const auto plan = [&](const Value& old) -> std::optional<uint32_t> { return old.data_bytes + piece.data_bytes; };
  const auto fill = [&](const Value& old, Value& fresh) {
    const Value& first = verb_ == Verb::kAppend ? old : piece;
    const Value& second = verb_ == Verb::kAppend ? piece : old;
    first.contents().copy(fresh.data(), first.data_bytes);
    second.contents().copy(fresh.data() + first.data_bytes, second.data_bytes);
  };
  return tenant_->edit(piece.key(), plan, fill);
}

void Session::drop_value() {
  if (value_ != nullptr) tenant_->discard(*value_);
  value_ = nullptr;
}

void Session::answer(std::string_view text, Output& output) {
  if (!is_silent_) output.put(text, kLineEnd);
}

}  // namespace cache_server
