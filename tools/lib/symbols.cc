// SPDX-License-Identifier: Apache-2.0
#include "symbols.h"

#include <cxxabi.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace reslab::outside {
namespace {

// Without the version that a symbol of a library may have.
std::string demangled(const std::string& symbol) {
  const std::string name = symbol.substr(0, symbol.find('@'));
  int status = -1;
  const std::unique_ptr<char, decltype(&free)> plain(abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status),
                                                     &free);
  return status == 0 ? plain.get() : name;
}

char* no_debug_directory = nullptr;  // where files and their build ids say

const Dwfl_Callbacks kCallbacks = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .section_address = nullptr,
    .debuginfo_path = &no_debug_directory,
};

}  // namespace

// What could not be found out about the files leaves addresses without names; it is no failure.
struct Symbols::Files {
  Dwfl* dwfl = dwfl_begin(&kCallbacks);

  explicit Files(std::string mappings) {
    FILE* lines = dwfl == nullptr ? nullptr : fmemopen(mappings.data(), mappings.size(), "r");
    if (lines == nullptr) return;
    dwfl_linux_proc_maps_report(dwfl, lines);
    dwfl_report_end(dwfl, nullptr, nullptr);
    fclose(lines);
  }
  ~Files() {
    if (dwfl != nullptr) dwfl_end(dwfl);
  }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
};

Symbols::Symbols(const std::string& mappings) : files_(std::make_unique<Files>(mappings)) {}
Symbols::~Symbols() = default;

std::string Symbols::name_of_caller(uint64_t return_address) const {
  const uint64_t address = return_address - 1;  // of the call
  Dwfl_Module* module = files_->dwfl == nullptr ? nullptr : dwfl_addrmodule(files_->dwfl, address);
  if (module == nullptr) return fmt::format("{:#x}", address);
  const char* symbol = dwfl_module_addrname(module, address);
  if (symbol != nullptr) return demangled(symbol);
  Dwarf_Addr start = 0;
  const char* path = dwfl_module_info(module, nullptr, &start, nullptr, nullptr, nullptr, nullptr, nullptr);
  return fmt::format("{}+{:#x}", std::filesystem::path(path).filename().string(), address - start);
}

}  // namespace reslab::outside
