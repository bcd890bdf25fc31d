// SPDX-License-Identifier: Apache-2.0
// A fault for a fuzzer to find: the number of segments is believed. runs_test.py has core_file_fuzz.cc call this in place of
// open_core.

#include <elf.h>

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "memory.h"

namespace reslab::outside {

std::unique_ptr<Memory> believing_open_core(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() >= sizeof(Elf64_Ehdr) && bytes.compare(0, SELFMAG, ELFMAG) == 0) {
    const auto* header = reinterpret_cast<const Elf64_Ehdr*>(bytes.data());
    if (header->e_phnum > bytes.size() / sizeof(Elf64_Phdr)) throw std::out_of_range("a number nobody has looked at");
  }
  return open_core(path);
}

}  // namespace reslab::outside
