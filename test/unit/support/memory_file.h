// SPDX-License-Identifier: Apache-2.0
// A file in memory: what reslab writes to a descriptor, or to stderr, read back as text. No pipe, because an audit that
// finds a thousand violations would fill one and wait for its own reader.
#pragma once

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace unit {

class MemoryFile {
 public:
  MemoryFile() : fd_(memfd_create("unit", MFD_CLOEXEC)) {}
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int fd() const { return fd_; }

  std::string text() const {
    struct stat info = {};
    fstat(fd_, &info);
    std::string all(static_cast<size_t>(info.st_size), '\0');
    const ssize_t length = pread(fd_, all.data(), all.size(), 0);
    all.resize(length > 0 ? static_cast<size_t>(length) : 0);
    return all;
  }

 private:
  int fd_;
};

// What `body` writes to stderr.
template <class Body>
std::string stderr_of(Body body) {
  const MemoryFile file;
  const int kept = dup(STDERR_FILENO);
  dup2(file.fd(), STDERR_FILENO);
  body();
  dup2(kept, STDERR_FILENO);
  close(kept);
  return file.text();
}

}  // namespace unit
