// SPDX-License-Identifier: Apache-2.0
// Names for addresses of code, from the symbol tables of the files that the process has loaded.
//
// It allocates (vectors and strings) and opens files, but it takes no lock: objects are found by _dl_find_object, not by
// dladdr. With a malloc that may be called from anywhere it works in a signal handler, whatever that interrupted.
#pragma once

#include <stdint.h>

#include <string>
#include <vector>

#include "mapped_file.h"

namespace examples {

class Symbols {
 public:
  // "function", or "file.so+0x1234" where the file has no symbol there, or "0x1234" where there is no file. C++ names
  // are readable. `address` is that of an instruction: of a return address take one less.
  std::string name_of(uintptr_t address);

  // The file and the offset in it, as addr2line wants them: "/lib/file.so+0x1234".
  std::string place_of(uintptr_t address);

 private:
  struct Symbol {
    uintptr_t begin;  // as in the file
    uintptr_t bytes;
    const char* name;  // in the file
  };
  struct File {
    uintptr_t load_address;
    std::string name;  // the loader's; empty for the program itself
    std::string path;
    MappedFile contents;
    std::vector<Symbol> symbols;  // sorted
  };

  const File* file_of(uintptr_t address);
  static void read_symbols(File& file);

  std::vector<File> files_;
};

}  // namespace examples
