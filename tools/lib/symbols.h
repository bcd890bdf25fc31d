// SPDX-License-Identifier: Apache-2.0
// Names for addresses of a process or a core file, from the symbol tables and the debug information of its files
// (libdw of elfutils).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "memory.h"

namespace reslab::outside {

class Symbols {
 public:
  explicit Symbols(const Memory& memory);
  ~Symbols();

  // The function that a call returns to, demangled; "file+0xOFFSET" or the address where no name is known.
  std::string name_of_caller(uint64_t return_address) const;

 private:
  struct Files;
  std::unique_ptr<Files> files_;
};

}  // namespace reslab::outside
