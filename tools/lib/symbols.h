// SPDX-License-Identifier: Apache-2.0
// Names for addresses of a process, from the symbol tables and the debug information of its files (libdw of elfutils).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace reslab::outside {

class Symbols {
 public:
  // Of /proc/PID/maps, or what has that form: the files have to be where they were.
  explicit Symbols(const std::string& mappings);
  ~Symbols();

  // The function that a call returns to, demangled; "file+0xOFFSET" or the address where no name is known.
  std::string name_of_caller(uint64_t return_address) const;

 private:
  struct Files;
  std::unique_ptr<Files> files_;
};

}  // namespace reslab::outside
