// SPDX-License-Identifier: Apache-2.0
// A core file: segments of memory, and the list of files that were mapped, from which comes what the kernel leaves out
// (unchanged pages of programs and libraries).

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>

#include "failure.h"
#include "memory.h"

namespace reslab::outside {
namespace {

// A file in memory, read-only.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path) {
    struct stat found;
    // Looked at before it is opened: to open a device may do something, and a core names what its process had mapped.
    if (stat(path.c_str(), &found) != 0) {
      error_ = errno;
      return;
    }
    error_ = S_ISDIR(found.st_mode) ? EISDIR : EINVAL;
    if (!S_ISREG(found.st_mode) || found.st_size <= 0) return;
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
      error_ = errno;
      return;
    }
    if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode) && found.st_size > 0)
      map(fd, static_cast<size_t>(found.st_size));
    close(fd);
  }
  ~MappedFile() {
    if (start_ != nullptr) munmap(const_cast<char*>(start_), bytes_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  bool holds(uint64_t offset, uint64_t bytes) const { return offset <= bytes_ && bytes <= bytes_ - offset; }
  const char* at(uint64_t offset) const { return start_ + offset; }
  bool is_there() const { return start_ != nullptr; }
  int error() const { return error_; }

 private:
  void map(int fd, size_t bytes) {
    void* mapped = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapped == MAP_FAILED) return;
    start_ = static_cast<const char*>(mapped);
    bytes_ = bytes;
  }

  const char* start_ = nullptr;
  size_t bytes_ = 0;
  int error_ = 0;
};

constexpr uint64_t up_to_words(uint64_t bytes) { return (bytes + 3) / 4 * 4; }  // as notes are padded

struct FilePart {
  uint64_t start, end, offset;
  std::string path;
};

class CoreMemory : public Memory {
 public:
  explicit CoreMemory(const std::string& path) : path_(path), file_(path) {
    if (!file_.is_there()) throw Failure("cannot open " + path + ": " + strerror(file_.error()));
    const auto header = part<Elf64_Ehdr>(0);
    if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_type != ET_CORE ||
        header->e_ident[EI_CLASS] != ELFCLASS64) {
      throw Failure(path + " is no core file of a 64-bit process");
    }
    const uint32_t segments = segment_count(*header);
    for (uint32_t i = 0; i < segments; ++i) {
      const auto segment = part<Elf64_Phdr>(header->e_phoff + i * sizeof(Elf64_Phdr));
      if (!segment || !file_.holds(segment->p_offset, segment->p_filesz)) {
        throw Failure(path + " is cut off: the disk was full, or RLIMIT_CORE too small (see core(5))");
      }
      if (segment->p_type == PT_LOAD) segments_.push_back(*segment);
      if (segment->p_type == PT_NOTE) take_notes(segment->p_offset, segment->p_filesz);
    }
  }

  void read(std::span<const Piece> pieces) const override {
    for (const Piece& piece : pieces) {
      if (try_read(piece.address, piece.into, piece.bytes)) continue;
      char where[32];
      snprintf(where, sizeof where, "0x%lx", piece.address);
      throw Failure(path_ + " does not hold " + where + " (see core(5), coredump_filter)");
    }
  }

  bool try_read(uint64_t address, void* into, size_t bytes) const override {
    auto* out = static_cast<char*>(into);
    while (bytes > 0) {
      const size_t got = read_prefix(address, out, bytes);
      if (got == 0) return false;
      address += got, out += got, bytes -= got;
    }
    return true;
  }

  std::vector<Module> modules() const override {
    std::vector<Module> found;
    for (const FilePart& mapped : files_) {
      if (mapped.offset == 0) found.push_back({mapped.start, mapped.path});
    }
    return found;
  }

  // Without the numbers of devices and files, which a core has not: one that stands for the path tells them apart.
  std::string mappings() const override {
    std::map<std::string, size_t> numbers;
    std::string text;
    for (const FilePart& mapped : files_) {
      const size_t number = numbers.emplace(mapped.path, numbers.size() + 1).first->second;
      const Elf64_Phdr* segment = segment_of(mapped.start);
      const bool is_code = segment != nullptr && (segment->p_flags & PF_X) != 0;
      text += fmt::format("{:x}-{:x} {} {:08x} 00:00 {} {}\n", mapped.start, mapped.end, is_code ? "r-xp" : "r--p",
                          mapped.offset, number, mapped.path);
    }
    return text;
  }

  void require_alive(Look) const override {}
  bool is_live() const override { return false; }
  std::string name() const override { return name_; }
  std::string title() const override { return "core file " + path_; }
  int64_t process_id() const override { return process_id_; }
  uint64_t resident_bytes() const override { return 0; }

 private:
  // A copy: nothing says that it is aligned.
  template <class T>
  std::optional<T> part(uint64_t offset) const {
    if (!file_.holds(offset, sizeof(T))) return std::nullopt;
    T copy;
    memcpy(&copy, file_.at(offset), sizeof copy);
    return copy;
  }

  // More of them than the header has room for are counted by the first section.
  uint32_t segment_count(const Elf64_Ehdr& header) const {
    if (header.e_phnum != PN_XNUM) return header.e_phnum;
    const auto section = part<Elf64_Shdr>(header.e_shoff);
    return section ? section->sh_info : UINT32_MAX;
  }

  const Elf64_Phdr* segment_of(uint64_t address) const {
    for (const Elf64_Phdr& segment : segments_) {
      if (address - segment.p_vaddr < segment.p_memsz) return &segment;
    }
    return nullptr;
  }

  // As many of the bytes as lie together: of the core, or of a file that was mapped there.
  size_t read_prefix(uint64_t address, char* out, size_t bytes) const {
    const Elf64_Phdr* segment = segment_of(address);
    if (segment != nullptr && address - segment->p_vaddr < segment->p_filesz) {
      const uint64_t skip = address - segment->p_vaddr;
      const size_t here = std::min<size_t>(bytes, segment->p_filesz - skip);
      memcpy(out, file_.at(segment->p_offset + skip), here);
      return here;
    }
    for (const FilePart& mapped : files_) {
      if (address < mapped.start || address >= mapped.end) continue;
      const MappedFile file(mapped.path);
      const uint64_t offset = mapped.offset + (address - mapped.start);
      const size_t here = std::min<size_t>(bytes, mapped.end - address);
      if (!file.is_there() || !file.holds(offset, here)) return 0;
      memcpy(out, file.at(offset), here);
      return here;
    }
    return 0;
  }

  void take_notes(uint64_t offset, uint64_t bytes) {
    const uint64_t end = offset + bytes;
    while (offset + sizeof(Elf64_Nhdr) <= end) {
      const auto note = part<Elf64_Nhdr>(offset);
      if (!note) return;
      const uint64_t description = offset + sizeof *note + up_to_words(note->n_namesz);
      if (!file_.holds(description, note->n_descsz)) return;
      if (note->n_type == NT_FILE) take_files(description, note->n_descsz);
      if (note->n_type == NT_PRPSINFO) take_program(description, note->n_descsz);
      offset = description + up_to_words(note->n_descsz);
    }
  }

  void take_program(uint64_t offset, uint64_t bytes) {
    const auto info = part<elf_prpsinfo>(offset);
    if (!info || bytes < sizeof *info) return;
    process_id_ = info->pr_pid;
    name_ = name_from(info->pr_fname, sizeof info->pr_fname);
  }

  // {count, page size, count times {start, end, offset in pages}, count names}
  void take_files(uint64_t offset, uint64_t bytes) {
    const uint64_t end = offset + bytes;
    const auto head = part<std::array<uint64_t, 2>>(offset);
    if (!head || (*head)[0] > bytes / 24) return;
    const uint64_t count = (*head)[0];
    uint64_t name = offset + 16 + count * 24;
    for (uint64_t i = 0; i < count && name < end; ++i) {
      const auto place = part<std::array<uint64_t, 3>>(offset + 16 + i * 24);
      if (!place) return;
      const std::string path(file_.at(name), strnlen(file_.at(name), end - name));
      files_.push_back({(*place)[0], (*place)[1], (*place)[2] * (*head)[1], path});
      name += path.size() + 1;
    }
  }

  std::string path_;
  MappedFile file_;
  std::vector<Elf64_Phdr> segments_;
  std::vector<FilePart> files_;
  std::string name_;
  int64_t process_id_ = -1;
};

}  // namespace

std::unique_ptr<Memory> open_core(const std::string& path) { return std::make_unique<CoreMemory>(path); }

}  // namespace reslab::outside
