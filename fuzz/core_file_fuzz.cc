// SPDX-License-Identifier: Apache-2.0
// What reads core files (tools/lib), given arbitrary bytes as one: it takes it, or throws a Failure that says what is wrong;
// and of one it has taken, memory can be read that is there, twice the same, and the names of files that were mapped.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "failure.h"
#include "memory.h"
#include "require.h"

namespace {

using fuzz::require;
using namespace reslab::outside;

// A file of these bytes that is nowhere in the file system.
class Unnamed {
 public:
  Unnamed(const uint8_t* data, size_t size) : fd_(memfd_create("core", MFD_CLOEXEC)) {
    require(fd_ >= 0 && write(fd_, data, size) == static_cast<ssize_t>(size), "there is memory for a file");
  }
  ~Unnamed() { close(fd_); }
  Unnamed(const Unnamed&) = delete;
  Unnamed& operator=(const Unnamed&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  const int fd_;
};

// Null: what it is said not to be.
std::unique_ptr<Memory> open_or_refuse(const std::string& path) {
  try {
    return open_core(path);
  } catch (const Failure& failure) {
    require(std::string(failure.what()).find(path) != std::string::npos, "a Failure names the file");
    return nullptr;
  } catch (const std::exception& other) {
    require(false, std::string("a core file is refused by a Failure, not by ") + other.what());
    return nullptr;
  }
}

void read_at(const Memory& core, uint64_t address) {
  for (const size_t bytes : {size_t{1}, size_t{8}, size_t{5000}}) {
    std::vector<char> first(bytes), second(bytes);
    const bool is_there = core.try_read(address, first.data(), bytes);
    require(core.try_read(address, second.data(), bytes) == is_there, "what is there stays there");
    require(!is_there || first == second, "memory of a core file does not change");
  }
}

// Of those, some are addresses of the core.
void read_at_words_of(const Memory& core, const uint8_t* data, size_t size) {
  constexpr size_t kMost = 64;
  for (size_t i = 0; i < std::min(kMost, size / 8); ++i) {
    uint64_t word;
    std::memcpy(&word, data + i * 8, 8);
    read_at(core, word);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Unnamed file(data, size);
  const std::unique_ptr<Memory> core = open_or_refuse(file.path());
  if (core == nullptr) return 0;
  read_at_words_of(*core, data, size);
  const std::string mappings = core->mappings();
  for (const Module& module : core->modules()) {
    require(mappings.find(module.path) != std::string::npos, "a module is mapped");
    read_at(*core, module.start);
  }
  require(core->name().size() < 64 && !core->is_live(), "it has a name, and an end");
  return 0;
}
