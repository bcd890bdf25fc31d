#include "walk/module.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "support.h"

namespace rcu_walk {
namespace {

// What the kernel reads of a section (struct rseq_cs).
struct Descriptor {
  uint32_t version;
  uint32_t flags;
  uint64_t start;
  uint64_t length;
  uint64_t abort;
};

struct Wanted {
  const char* file_name;
  uintptr_t base;
  const char* path;
};

int find_module(dl_phdr_info* info, size_t, void* out) {
  auto& wanted = *static_cast<Wanted*>(out);
  const char* slash = strrchr(info->dlpi_name, '/');
  if (slash == nullptr || strncmp(slash + 1, wanted.file_name, strlen(wanted.file_name)) != 0) return 0;
  wanted.base = info->dlpi_addr;
  wanted.path = info->dlpi_name;
  return 1;
}

}  // namespace

Module::Module(const char* file_name) {
  Wanted wanted = {file_name, 0, nullptr};
  if (dl_iterate_phdr(find_module, &wanted) == 0) RCU_FAIL("%s is not loaded", file_name);
  base_ = wanted.base;
  read_file(wanted.path);
  RCU_CHECK(text_bytes_ > 0 && !sections_.empty());
}

// Section headers are in the file only; what the loader has relocated, the descriptors, is read from memory.
void Module::read_file(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info = {};
  RCU_CHECK(fd >= 0 && fstat(fd, &info) == 0);
  void* memory = mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
  RCU_CHECK(memory != MAP_FAILED);
  close(fd);
  const char* file = static_cast<const char*>(memory);
  const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(file);
  const auto* table = reinterpret_cast<const ElfW(Shdr)*>(file + header->e_shoff);
  const char* names = file + table[header->e_shstrndx].sh_offset;
  for (size_t i = 0; i < header->e_shnum; ++i) {
    const char* name = names + table[i].sh_name;
    if (strcmp(name, ".text") == 0) {
      text_ = base_ + table[i].sh_addr;
      text_bytes_ = table[i].sh_size;
    } else if (strcmp(name, "__rseq_cs") == 0) {
      const auto* all = reinterpret_cast<const Descriptor*>(base_ + table[i].sh_addr);
      for (size_t n = 0; n < table[i].sh_size / sizeof *all; ++n) {
        sections_.push_back({all[n].start, all[n].start + all[n].length, all[n].abort});
      }
    }
  }
  munmap(memory, static_cast<size_t>(info.st_size));
}

const Section* Module::section_at(uintptr_t pc) const {
  for (const Section& section : sections_) {
    if (pc >= section.start && pc < section.end) return &section;
  }
  return nullptr;
}

}  // namespace rcu_walk
