// SPDX-License-Identifier: Apache-2.0
// A JSON document whose every byte comes from one std::pmr::memory_resource.
#pragma once

#include <map>
#include <memory_resource>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace budget {

class Value {
 public:
  using Text = std::pmr::string;
  using Items = std::pmr::vector<Value>;
  using Members = std::pmr::map<Text, Value, std::less<>>;

  Value() = default;
  template <class T>
  explicit Value(T what) : what_(std::move(what)) {}

  const Items& items() const { return std::get<Items>(what_); }
  const Text& text() const { return std::get<Text>(what_); }
  const Value& at(std::string_view name) const { return std::get<Members>(what_).find(name)->second; }

 private:
  std::variant<std::nullptr_t, bool, double, Text, Items, Members> what_;
};

// Throws std::runtime_error where the text is no document, and what `memory` throws.
Value parse(std::string_view text, std::pmr::memory_resource& memory);

}  // namespace budget
