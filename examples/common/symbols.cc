// SPDX-License-Identifier: Apache-2.0
#include "symbols.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

namespace examples {
namespace {

std::string hexadecimal(uintptr_t value) {
  char text[24];
  snprintf(text, sizeof text, "0x%zx", value);
  return text;
}

std::string readable(const char* name) {
  int status = 0;
  char* const demangled = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  const std::string result = demangled != nullptr && status == 0 ? demangled : name;
  free(demangled);
  return result;
}

// The program itself has no name in the loader's list.
std::string path_of(const link_map& map) {
  if (map.l_name[0] != '\0') return map.l_name;
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  return length <= 0 ? "/proc/self/exe" : std::string(path, static_cast<size_t>(length));
}

// The names of one symbol table; none unless the last of them ends before the table does.
const char* names_of(const MappedFile& file, const ElfW(Shdr) & strings) {
  const char* const names = file.elements_at<char>(strings.sh_offset, strings.sh_size);
  return names != nullptr && strings.sh_size > 0 && names[strings.sh_size - 1] == '\0' ? names : nullptr;
}

bool is_function(const ElfW(Sym) & symbol) {
  return ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF && symbol.st_size > 0;
}

}  // namespace

std::string Symbols::name_of(uintptr_t address) {
  const File* const file = file_of(address);
  if (file == nullptr) return hexadecimal(address);
  const uintptr_t in_file = address - file->load_address;
  auto next = std::upper_bound(file->symbols.begin(), file->symbols.end(), in_file,
                               [](uintptr_t wanted, const Symbol& symbol) { return wanted < symbol.begin; });
  if (next != file->symbols.begin()) {
    const Symbol& symbol = *--next;
    if (in_file - symbol.begin < symbol.bytes) return readable(symbol.name);
  }
  return file->path.substr(file->path.rfind('/') + 1) + "+" + hexadecimal(in_file);
}

std::string Symbols::place_of(uintptr_t address) {
  const File* const file = file_of(address);
  return file == nullptr ? hexadecimal(address) : file->path + "+" + hexadecimal(address - file->load_address);
}

const Symbols::File* Symbols::file_of(uintptr_t address) {
  dl_find_object found;
  if (_dl_find_object(reinterpret_cast<void*>(address), &found) != 0) return nullptr;
  const link_map& map = *found.dlfo_link_map;
  for (const File& file : files_) {
    if (file.load_address == map.l_addr && file.name == map.l_name) return &file;
  }
  const std::string path = path_of(map);
  files_.push_back({map.l_addr, map.l_name, path, MappedFile(path.c_str()), {}});
  read_symbols(files_.back());
  return &files_.back();
}

void Symbols::read_symbols(File& file) {
  const MappedFile& contents = file.contents;
  const auto* const header = contents.elements_at<ElfW(Ehdr)>(0, 1);
  if (header == nullptr || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return;
  const auto* const sections = contents.elements_at<ElfW(Shdr)>(header->e_shoff, header->e_shnum);
  for (size_t i = 0; sections != nullptr && i < header->e_shnum; i++) {
    const ElfW(Shdr)& table = sections[i];
    const bool has_symbols = table.sh_type == SHT_SYMTAB || table.sh_type == SHT_DYNSYM;
    if (!has_symbols || table.sh_link >= header->e_shnum) continue;
    const ElfW(Shdr)& strings = sections[table.sh_link];
    const size_t count = table.sh_size / sizeof(ElfW(Sym));
    const auto* const symbols = contents.elements_at<ElfW(Sym)>(table.sh_offset, count);
    const char* const names = names_of(contents, strings);
    for (size_t k = 0; symbols != nullptr && names != nullptr && k < count; k++) {
      if (!is_function(symbols[k]) || symbols[k].st_name >= strings.sh_size) continue;
      file.symbols.push_back({symbols[k].st_value, symbols[k].st_size, names + symbols[k].st_name});
    }
  }
  std::sort(file.symbols.begin(), file.symbols.end(),
            [](const Symbol& a, const Symbol& b) { return a.begin < b.begin; });
}

}  // namespace examples
