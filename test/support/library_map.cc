// SPDX-License-Identifier: Apache-2.0
#include "library_map.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"

namespace support {

using namespace support;

namespace {

// Section headers are not among what the loader maps, so the file is read.
class ElfImage {
 public:
  explicit ElfImage(const char* path) {
    FILE* file = fopen(path, "rb");
    expect(file != nullptr, "the library's file '%s' cannot be opened", path);
    char part[65536];
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;) bytes_.insert(bytes_.end(), part, part + got);
    fclose(file);
    expect(bytes_.size() > sizeof(ElfW(Ehdr)), "the library's file '%s' cannot be read", path);
  }

  const ElfW(Shdr) * section(const char* name) const {
    const auto* header = at<ElfW(Ehdr)>(0);
    const auto* sections = at<ElfW(Shdr)>(header->e_shoff);
    const char* names = at<char>(sections[header->e_shstrndx].sh_offset);
    for (size_t i = 0; i < header->e_shnum; ++i) {
      if (strcmp(names + sections[i].sh_name, name) == 0) return &sections[i];
    }
    return nullptr;
  }

  template <class T>
  const T* at(size_t offset) const {
    return reinterpret_cast<const T*>(bytes_.data() + offset);
  }

 private:
  std::vector<char> bytes_;
};

// struct rseq_cs of the kernel's interface.
struct SectionRecord {
  uint32_t version, flags;
  uint64_t start, length, abort;
};

struct HookRecord {
  int32_t nop_offset, name_offset;
};

// `movq %reg, %fs:8(%reg)`: a prefix of 0x64 and five or, with a base of %r12, six bytes in all.
uintptr_t instruction_before(uintptr_t start) {
  for (const uintptr_t length : {5, 6}) {
    if (*reinterpret_cast<const unsigned char*>(start - length) == 0x64) return start - length;
  }
  expect(false, "the instruction before the section at %#lx does not store to rseq_cs", start);
  return 0;
}

std::string demangled(const char* symbol) {
  char* plain = abi::__cxa_demangle(symbol, nullptr, nullptr, nullptr);
  std::string name = plain != nullptr ? plain : symbol;
  free(plain);
  const size_t parameters = name.rfind('(');
  if (parameters != std::string::npos && parameters > 0) name.resize(parameters);
  const size_t scope = name.rfind("::");
  return scope == std::string::npos ? name : name.substr(scope + 2);
}

}  // namespace

LibraryMap LibraryMap::of(const char* function) {
  LibraryMap map;
  Dl_info owner;
  expect(dladdr(dlsym(RTLD_DEFAULT, function), &owner) != 0, "%s is in no library", function);
  map.base_ = reinterpret_cast<uintptr_t>(owner.dli_fbase);
  map.read(owner.dli_fname);
  return map;
}

void LibraryMap::read(const char* path) {
  const ElfImage image(path);
  const auto* text = image.section(".text");
  const auto* hooks = image.section("reslab_hooks");
  expect(text != nullptr, "'%s' is no library", path);
  text_begin_ = base_ + text->sh_addr;
  text_bytes_ = text->sh_size;
  for (size_t at = 0; hooks != nullptr && at + sizeof(HookRecord) <= hooks->sh_size; at += sizeof(HookRecord)) {
    const char* place = reinterpret_cast<const char*>(base_ + hooks->sh_addr + at);
    const auto* record = reinterpret_cast<const HookRecord*>(place);
    hooks_.push_back({reinterpret_cast<uintptr_t>(place + record->nop_offset), place + record->name_offset});
  }
  if (const auto* table = image.section("__rseq_cs")) {
    const auto* records = reinterpret_cast<const SectionRecord*>(base_ + table->sh_addr);
    for (size_t i = 0; i < table->sh_size / sizeof(SectionRecord); ++i) {
      const SectionRecord& one = records[i];
      sections_.push_back({instruction_before(one.start), one.start, one.start + one.length, one.abort});
    }
  }
  const auto* symbols = image.section(".symtab");
  const auto* names = image.section(".strtab");
  if (symbols == nullptr || names == nullptr) return;
  for (size_t i = 0; i < symbols->sh_size / sizeof(ElfW(Sym)); ++i) {
    const auto& symbol = image.at<ElfW(Sym)>(symbols->sh_offset)[i];
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_size == 0) continue;
    const bool exported =
        ELF64_ST_BIND(symbol.st_info) != STB_LOCAL && ELF64_ST_VISIBILITY(symbol.st_other) == STV_DEFAULT;
    functions_.push_back({base_ + symbol.st_value, symbol.st_size,
                          demangled(image.at<char>(names->sh_offset + symbol.st_name)), exported});
  }
}

bool LibraryMap::is_entry_point(uintptr_t pc) const {
  for (const Function& function : functions_) {
    if (function.exported && pc - function.start < function.bytes) return true;
  }
  return false;
}

const CriticalSection* LibraryMap::section_entered_at(uintptr_t pc) const {
  for (const CriticalSection& section : sections_) {
    if (section.entry == pc) return &section;
  }
  return nullptr;
}

const CriticalSection* LibraryMap::section_around(uintptr_t pc) const {
  for (const CriticalSection& section : sections_) {
    if (section.start <= pc && pc < section.end) return &section;
  }
  return nullptr;
}

const char* LibraryMap::hook_at(uintptr_t pc) const {
  for (const HookSite& hook : hooks_) {
    if (hook.nop == pc) return hook.name;
  }
  return nullptr;
}

std::string LibraryMap::name_of(uintptr_t pc) const {
  char offset[32];
  for (const Function& function : functions_) {
    if (pc - function.start >= function.bytes) continue;
    snprintf(offset, sizeof offset, "+%#lx", pc - function.start);
    return function.name + offset;
  }
  snprintf(offset, sizeof offset, "library+%#lx", pc - base_);
  return offset;
}

}  // namespace support
