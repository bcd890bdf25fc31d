// SPDX-License-Identifier: Apache-2.0
#include "library.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "failure.h"

namespace reentry {
namespace {

constexpr const char kFile[] = "libreslab.so";

// What the kernel reads of a section (struct rseq_cs).
struct Descriptor {
  uint32_t version;
  uint32_t flags;
  uint64_t start;
  uint64_t length;
  uint64_t abort;
};
static_assert(sizeof(Descriptor) == 32);

struct HookRecord {
  int32_t nop_offset;
  int32_t name_offset;
};

struct Module {
  uintptr_t base = 0;
  std::string path;
};

int find_module(dl_phdr_info* info, size_t, void* out) {
  if (strstr(info->dlpi_name, kFile) == nullptr) return 0;
  *static_cast<Module*>(out) = {info->dlpi_addr, info->dlpi_name};
  return 1;
}

}  // namespace

const Library& Library::get() {
  static const Library library;
  return library;
}

Library::Library() {
  Module module;
  if (dl_iterate_phdr(find_module, &module) == 0) fail("%s is not loaded", kFile);
  base_ = module.base;
  read_file(module.path.c_str());
  if (text_bytes_ == 0 || sections_.empty() || hooks_.empty() || functions_.empty()) {
    fail("%s lacks .text, __rseq_cs, reslab_hooks or .symtab", module.path.c_str());
  }
}

// Section headers are in the file only; what the loader has relocated (the descriptors) is read from memory.
void Library::read_file(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info = {};
  if (fd < 0 || fstat(fd, &info) != 0) fail("cannot open %s", path);
  void* memory = mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
  if (memory == MAP_FAILED) fail("cannot map %s", path);
  close(fd);
  const char* file = static_cast<const char*>(memory);
  const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(file);
  const auto* table = reinterpret_cast<const ElfW(Shdr)*>(file + header->e_shoff);
  for (size_t i = 0; i < header->e_shnum; ++i) {
    const ElfW(Shdr)& section = table[i];
    const char* name = file + table[header->e_shstrndx].sh_offset + section.sh_name;
    if (strcmp(name, ".text") == 0) {
      text_ = base_ + section.sh_addr;
      text_bytes_ = section.sh_size;
    } else if (strcmp(name, "__rseq_cs") == 0) {
      const auto* all = reinterpret_cast<const Descriptor*>(base_ + section.sh_addr);
      for (size_t n = 0; n < section.sh_size / sizeof *all; ++n) {
        sections_.push_back({all[n].start, all[n].start + all[n].length, all[n].abort});
      }
    } else if (strcmp(name, "reslab_hooks") == 0) {
      const auto* all = reinterpret_cast<const HookRecord*>(base_ + section.sh_addr);
      for (size_t n = 0; n < section.sh_size / sizeof *all; ++n) {
        const auto record = reinterpret_cast<uintptr_t>(&all[n]);
        hooks_.push_back({record + static_cast<uintptr_t>(all[n].nop_offset),
                          reinterpret_cast<const char*>(record + static_cast<uintptr_t>(all[n].name_offset))});
      }
    } else if (section.sh_type == SHT_SYMTAB) {
      const auto* all = reinterpret_cast<const ElfW(Sym)*>(file + section.sh_offset);
      const char* names = file + table[section.sh_link].sh_offset;
      for (size_t n = 0; n < section.sh_size / sizeof *all; ++n) {
        if (ELF64_ST_TYPE(all[n].st_info) != STT_FUNC || all[n].st_size == 0) continue;
        functions_.push_back({base_ + all[n].st_value, all[n].st_size, names + all[n].st_name});
      }
    }
  }
  munmap(memory, static_cast<size_t>(info.st_size));
}

const CriticalSection* Library::section_at(uintptr_t pc) const {
  for (const CriticalSection& section : sections_) {
    if (pc >= section.start && pc < section.end) return &section;
  }
  return nullptr;
}

bool Library::is_hook(uintptr_t pc, const char* name) const {
  for (const HookPoint& hook : hooks_) {
    if (hook.nop == pc) return strcmp(hook.name, name) == 0;
  }
  return false;
}

// By the file's table: dlopen would run the library's constructors, and first.cc is before them.
void* Library::symbol(const char* name) const {
  for (const Function& one : functions_) {
    if (one.name == name) return reinterpret_cast<void*>(one.start);
  }
  fail("%s has no %s", kFile, name);
}

std::string Library::function_at(uintptr_t pc) const {
  for (const Function& one : functions_) {
    if (pc - one.start < one.bytes) return one.name;
  }
  return {};
}

}  // namespace reentry
