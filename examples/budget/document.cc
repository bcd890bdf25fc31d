// SPDX-License-Identifier: Apache-2.0
#include "document.h"

#include <charconv>
#include <stdexcept>

namespace budget {
namespace {

// Without escapes in texts: what an example needs.
class Parser {
 public:
  Parser(std::string_view text, std::pmr::memory_resource& memory) : rest_(text), memory_(memory) {}

  Value document() {
    Value value = any();
    if (!rest_.empty()) fail("something behind the document");
    return value;
  }

 private:
  [[noreturn]] static void fail(const char* what) { throw std::runtime_error(what); }

  bool skip(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!skip(c)) fail("another character than expected");
  }

  Value any() {
    if (rest_.empty()) fail("the text ends too early");
    switch (rest_.front()) {
      case '{':
        return object();
      case '[':
        return array();
      case '"':
        return Value(text());
      case 't':
        return word("true", Value(true));
      case 'f':
        return word("false", Value(false));
      case 'n':
        return word("null", Value());
      default:
        return number();
    }
  }

  Value word(std::string_view wanted, Value value) {
    if (rest_.substr(0, wanted.size()) != wanted) fail("an unknown word");
    rest_.remove_prefix(wanted.size());
    return value;
  }

  Value number() {
    double value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) fail("no number");
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return Value(value);
  }

  Value::Text text() {
    expect('"');
    const size_t length = rest_.find('"');
    if (length == std::string_view::npos) fail("a text without an end");
    Value::Text found(rest_.substr(0, length), &memory_);
    rest_.remove_prefix(length + 1);
    return found;
  }

  Value array() {
    expect('[');
    Value::Items items(&memory_);
    if (skip(']')) return Value(std::move(items));
    do items.push_back(any());
    while (skip(','));
    expect(']');
    return Value(std::move(items));
  }

  Value object() {
    expect('{');
    Value::Members members(&memory_);
    if (skip('}')) return Value(std::move(members));
    do {
      Value::Text name = text();
      expect(':');
      Value value = any();
      members.emplace(std::move(name), std::move(value));
    } while (skip(','));
    expect('}');
    return Value(std::move(members));
  }

  std::string_view rest_;
  std::pmr::memory_resource& memory_;
};

}  // namespace

Value parse(std::string_view text, std::pmr::memory_resource& memory) { return Parser(text, memory).document(); }

}  // namespace budget
