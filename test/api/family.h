// SPDX-License-Identifier: Apache-2.0
// The malloc family and its twins as a table: every function that allocates, every function that frees, so that a test
// of one is a test of all, and none is forgotten (lessons 1, 10 and 32).
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

namespace api {

// What failure looks like.
enum class Failure {
  kEnomem,    // NULL, and errno is ENOMEM
  kKeeps,     // NULL or an error as the result; errno stays as it was
  kBadAlloc,  // an exception, seen by the table's wrapper as NULL
};

struct Allocator {
  const char* name;
  void* (*allocate)(size_t bytes);
  Failure failure;
  size_t alignment;  // of what it returns
  size_t max_bytes;  // above it: fails by contract
  bool zeroes;
};

struct Aligner {
  const char* name;
  void* (*allocate)(size_t alignment, size_t bytes);
  size_t min_alignment;  // below it: an error by contract
  Failure failure;
};

struct Releaser {
  const char* name;
  void (*release)(void* pointer, size_t asked_bytes);
};

inline void PrintTo(const Allocator& row, std::ostream* out) { *out << row.name; }
inline void PrintTo(const Aligner& row, std::ostream* out) { *out << row.name; }
inline void PrintTo(const Releaser& row, std::ostream* out) { *out << row.name; }

const std::vector<Allocator>& allocators();
const std::vector<Aligner>& aligners();
const std::vector<Releaser>& releasers();

// The sizes that stand on both sides of a limit: of the alignment, of the classes, of the class table, of nolock calls,
// of the runs.
const std::vector<size_t>& sizes_around_limits();

// Rows are shown by their names.
template <class Row>
std::string row_name(const testing::TestParamInfo<Row>& info) {
  return info.param.name;
}

}  // namespace api
