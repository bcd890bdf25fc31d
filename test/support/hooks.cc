// SPDX-License-Identifier: Apache-2.0
#include "hooks.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "failure.h"

#if !defined(__x86_64__)
#error "hooks are patched on x86-64 only"
#endif

namespace support {
namespace {

constexpr unsigned char kNop[5] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
constexpr size_t kPage = 4096;

// --- the sites -------------------------------------------------------------------------------------------------------

struct Site {
  char* nop;
  const char* name;
};

struct Record {
  int32_t nop_offset;
  int32_t name_offset;
};

// A file mapped for reading: section headers are not among what the loader maps.
class ElfFile {
 public:
  explicit ElfFile(const char* path) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info = {};
    if (fd >= 0 && fstat(fd, &info) == 0 && info.st_size >= static_cast<off_t>(sizeof(ElfW(Ehdr)))) {
      bytes_ = static_cast<size_t>(info.st_size);
      void* memory = mmap(nullptr, bytes_, PROT_READ, MAP_PRIVATE, fd, 0);
      if (memory != MAP_FAILED) data_ = static_cast<const char*>(memory);
    }
    if (fd >= 0) close(fd);
  }
  ~ElfFile() {
    if (data_ != nullptr) munmap(const_cast<char*>(data_), bytes_);
  }
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  // nullptr: there is none, or this is no ELF file (the vdso has no file at all).
  const ElfW(Shdr) * section(const char* name) const {
    if (data_ == nullptr || memcmp(data_, ELFMAG, SELFMAG) != 0) return nullptr;
    const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(data_);
    const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(data_ + header->e_shoff);
    if (header->e_shoff == 0) return nullptr;
    const char* names = data_ + sections[header->e_shstrndx].sh_offset;
    for (size_t i = 0; i < header->e_shnum; ++i) {
      if (strcmp(names + sections[i].sh_name, name) == 0) return &sections[i];
    }
    return nullptr;
  }

 private:
  const char* data_ = nullptr;
  size_t bytes_ = 0;
};

int add_sites_of(dl_phdr_info* module, size_t, void* out) {
  const ElfFile file(module->dlpi_name[0] != '\0' ? module->dlpi_name : "/proc/self/exe");
  const ElfW(Shdr)* section = file.section("reslab_hooks");
  if (section == nullptr) return 0;
  char* start = reinterpret_cast<char*>(module->dlpi_addr + section->sh_addr);
  for (size_t at = 0; at + sizeof(Record) <= section->sh_size; at += sizeof(Record)) {
    const auto* record = reinterpret_cast<const Record*>(start + at);
    char* nop = start + at + record->nop_offset;
    static_cast<std::vector<Site>*>(out)->push_back({nop, start + at + record->name_offset});
  }
  return 0;
}

// Looked for once: some harnesses set all hooks, a hundred of them.
const std::vector<Site>& all_sites() {
  static const std::vector<Site> sites = [] {
    std::vector<Site> found;
    dl_iterate_phdr(add_sites_of, &found);
    return found;
  }();
  return sites;
}

// --- the calls -------------------------------------------------------------------------------------------------------

struct Armed {
  HookCallback callback;
  void* context;
};
constexpr size_t kMostArmed = 128;
Armed armed[kMostArmed];

extern "C" [[gnu::used]] void support_hook_dispatch(uint64_t number) {
  const Armed hook = armed[number];
  if (hook.callback != nullptr) hook.callback(hook.context);
}

extern "C" void support_hook_trampoline();

// On entry: 0(%rsp) the number that the stub has pushed, 8(%rsp) the address behind the NOP. `lea` and `mov` restore
// the stack, because `add` would change the flags.
asm(R"(
  .text
  .type support_hook_trampoline, @function
support_hook_trampoline:
  pushfq
  cld
  pushq %rax
  pushq %rcx
  pushq %rdx
  pushq %rsi
  pushq %rdi
  pushq %r8
  pushq %r9
  pushq %r10
  pushq %r11
  pushq %rbp
  movq %rsp, %rbp
  movq 88(%rbp), %rdi
  subq $512, %rsp
  andq $-64, %rsp
  fxsave64 (%rsp)
  call support_hook_dispatch
  fxrstor64 (%rsp)
  movq %rbp, %rsp
  popq %rbp
  popq %r11
  popq %r10
  popq %r9
  popq %r8
  popq %rdi
  popq %rsi
  popq %rdx
  popq %rcx
  popq %rax
  popfq
  leaq 8(%rsp), %rsp
  ret
  .size support_hook_trampoline, . - support_hook_trampoline
)");

// push $number; jmp *address, where a call with a 32-bit displacement from the site reaches it.
struct [[gnu::packed]] Stub {
  unsigned char push = 0x68;
  uint32_t number = 0;
  unsigned char jump[6] = {0xff, 0x25, 0, 0, 0, 0};
  void (*target)() = support_hook_trampoline;
};
constexpr size_t kStubsInPage = kPage / sizeof(Stub);

bool reaches(const char* from, const void* to) {
  const int64_t distance = static_cast<const char*>(to) - (from + sizeof kNop);
  return distance == static_cast<int32_t>(distance);
}

// A page within reach of `site`, empty until now: looked for upwards and downwards in growing steps.
Stub* map_page_near(char* site) {
  const auto origin = reinterpret_cast<intptr_t>(site) & ~static_cast<intptr_t>(kPage - 1);
  for (intptr_t distance = 16 << 20; distance < INT32_MAX / 2; distance += 16 << 20) {
    for (const intptr_t place : {origin - distance, origin + distance}) {
      void* wanted = reinterpret_cast<void*>(place);
      void* page = mmap(wanted, kPage, PROT_READ | PROT_WRITE | PROT_EXEC,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
      if (page == wanted) return static_cast<Stub*>(page);
      if (page != MAP_FAILED) munmap(page, kPage);
    }
  }
  fail("no free memory within reach of the code, for hooks");
}

// The stub of hook `number` for calls from `site`. Pages stay for ever: a thread may still be on its way through one.
Stub* stub_for(char* site, size_t number) {
  static std::vector<Stub*> pages;
  for (Stub* page : pages) {
    if (reaches(site, page)) return &page[number];
  }
  static_assert(kMostArmed <= kStubsInPage);
  Stub* page = map_page_near(site);
  for (size_t i = 0; i < kMostArmed; ++i) page[i] = Stub{.number = static_cast<uint32_t>(i)};
  pages.push_back(page);
  return &page[number];
}

void write_code(char* place, const void* code, size_t bytes) {
  const auto page = reinterpret_cast<uintptr_t>(place) & ~(kPage - 1);
  const size_t length = reinterpret_cast<uintptr_t>(place) + bytes - page;
  if (mprotect(reinterpret_cast<void*>(page), length, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
    fail("this system does not let code be changed, as hooks need it");
  }
  memcpy(place, code, bytes);
  mprotect(reinterpret_cast<void*>(page), length, PROT_READ | PROT_EXEC);
}

void patch(char* site, size_t number) {
  if (memcmp(site, kNop, sizeof kNop) != 0) fail("two callbacks at one place: hook number %zu", number);
  const auto distance = static_cast<int32_t>(reinterpret_cast<char*>(stub_for(site, number)) - (site + sizeof kNop));
  unsigned char call[sizeof kNop] = {0xe8};
  memcpy(call + 1, &distance, sizeof distance);
  write_code(site, call, sizeof call);
}

}  // namespace

std::vector<std::string> hook_names() {
  std::vector<std::string> names;
  for (const Site& site : all_sites()) names.emplace_back(site.name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Hook::Hook(const char* name, HookCallback callback, void* context) : number_(0) {
  while (number_ < kMostArmed && armed[number_].callback != nullptr) ++number_;
  if (number_ == kMostArmed) fail("too many hooks at once, '%s' among them", name);
  for (const Site& site : all_sites()) {
    if (strcmp(site.name, name) == 0) sites_.push_back(site.nop);
  }
  if (sites_.empty()) fail("there is no hook '%s'", name);
  armed[number_] = {callback, context};
  for (char* site : sites_) patch(site, number_);
}

Hook::~Hook() {
  for (char* site : sites_) write_code(site, kNop, sizeof kNop);
  armed[number_] = {};
}

}  // namespace support
