// SPDX-License-Identifier: Apache-2.0
// A running process, read by process_vm_readv: the kernel copies its pages, it is neither stopped nor signalled. The
// descriptor of the process (pidfd) tells whether the number still means the same one.

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "failure.h"
#include "memory.h"

namespace reslab::outside {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

int yama_scope() {
  int scope = -1;
  std::ifstream("/proc/sys/kernel/yama/ptrace_scope") >> scope;
  return scope;
}

class ProcessMemory final : public Memory {
 public:
  explicit ProcessMemory(pid_t pid) : pid_(pid), process_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {
    if (process_.get() < 0 && errno == ESRCH) throw Failure("there is no process " + std::to_string(pid));
    if (process_.get() < 0 && errno == EINVAL && access(proc("").c_str(), F_OK) == 0) {
      throw Failure(std::to_string(pid) + " is a thread; give the number of its process");
    }
    if (process_.get() < 0) throw Failure("pidfd_open: " + std::string(strerror(errno)));
    if (has_ended(Look::kNow)) throw Failure(title() + " has ended and waits for its parent");
  }

  void read(std::span<const Piece> pieces) const override {
    constexpr size_t kMost = 512;  // pieces a call: few, so that none holds the target's map for long
    for (size_t first = 0; first < pieces.size(); first += kMost) {
      read_some(pieces.subspan(first, std::min(kMost, pieces.size() - first)));
    }
  }

  bool try_read(uint64_t address, void* into, size_t bytes) const override {
    const iovec local{into, bytes}, remote{reinterpret_cast<void*>(address), bytes};
    return process_vm_readv(pid_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(bytes);
  }

  // Lines "start-end perms offset dev inode path".
  std::vector<Module> modules() const override {
    std::ifstream maps(proc("maps"));
    if (!maps) fail_to_read(errno);
    std::vector<Module> found;
    for (std::string line; std::getline(maps, line);) {
      uint64_t start = 0, offset = 1, inode = 0;
      int path = 0;
      if (sscanf(line.c_str(), "%lx-%*x %*s %lx %*s %lu %n", &start, &offset, &inode, &path) < 3) continue;
      if (offset == 0 && inode != 0) found.push_back({start, line.substr(static_cast<size_t>(path))});
    }
    if (found.empty()) {
      require_alive(Look::kPatient);
      throw Failure(title() + " has no program: it is about to end, or belongs to the kernel");
    }
    return found;
  }

  std::string mappings() const override {
    std::ifstream maps(proc("maps"));
    std::ostringstream text;
    text << maps.rdbuf();
    if (!maps) fail_to_read(errno);
    return text.str();
  }

  void require_alive(Look look) const override {
    if (has_ended(look)) throw Gone(title() + " ended while it was read");
  }

  bool is_live() const override { return true; }
  std::string title() const override { return "process " + std::to_string(pid_); }
  int64_t process_id() const override { return pid_; }
  std::string name() const override {
    std::string text;
    std::ifstream comm(proc("comm"));
    std::getline(comm, text);
    return name_from(text.data(), text.size());
  }
  uint64_t resident_bytes() const override {
    uint64_t size = 0, resident = 0;
    std::ifstream(proc("statm")) >> size >> resident;
    return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  }

 private:
  bool has_ended(Look look) const {
    pollfd ended{process_.get(), POLLIN, 0};
    return poll(&ended, 1, look == Look::kPatient ? 200 : 0) != 0;
  }

  std::string proc(const char* file) const { return "/proc/" + std::to_string(pid_) + "/" + file; }

  void read_some(std::span<const Piece> pieces) const {
    std::vector<iovec> local, remote;
    size_t bytes = 0;
    for (const Piece& piece : pieces) {
      local.push_back({piece.into, piece.bytes});
      remote.push_back({reinterpret_cast<void*>(piece.address), piece.bytes});
      bytes += piece.bytes;
    }
    const ssize_t got = process_vm_readv(pid_, local.data(), local.size(), remote.data(), remote.size(), 0);
    if (got == static_cast<ssize_t>(bytes)) return;
    fail_to_read(got < 0 ? errno : EFAULT);
  }

  [[noreturn]] void fail_to_read(int error) const {
    if (error == EPERM || error == EACCES) throw Failure("no permission to read " + title() + ": " + advice());
    require_alive(Look::kPatient);
    if (error == ESRCH || error == ENOENT) throw Gone(title() + " ended while it was read");
    if (error == EFAULT)
      throw Gone(title() + " changed its memory while it was read: it ended, or runs another program");
    throw Failure("cannot read " + title() + ": " + strerror(error));
  }

  std::string advice() const {
    struct stat of_process;
    const bool same = stat(proc("").c_str(), &of_process) == 0 && of_process.st_uid == geteuid();
    return advice_for_permission(same ? Owner::kSameUser : Owner::kOtherUser, yama_scope());
  }

  pid_t pid_;
  Descriptor process_;
};

}  // namespace

std::string advice_for_permission(Owner owner, int yama) {
  if (yama == 3) return "kernel.yama.ptrace_scope is 3, which forbids it to everyone until the machine starts again";
  if (owner == Owner::kOtherUser) return "it belongs to another user; run this command as that user or as root (sudo)";
  if (yama == 2) return "kernel.yama.ptrace_scope is 2, which leaves it to root; run this command as root (sudo)";
  if (yama == 1) {
    return "kernel.yama.ptrace_scope is 1, which allows it for descendants only; run this command as root (sudo), or "
           "allow it until the next start: sudo sysctl kernel.yama.ptrace_scope=0";
  }
  return "the process protects itself (set-uid, capabilities, or prctl(PR_SET_DUMPABLE)); run this command as root "
         "(sudo)";
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

std::string name_from(const char* bytes, size_t most) {
  std::string name(bytes, strnlen(bytes, most));
  std::ranges::replace_if(
      name, [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  for (size_t i = 1; i < name.size(); ++i) {  // and its second set of such characters, in UTF-8
    if (name[i - 1] == '\xc2' && static_cast<unsigned char>(name[i]) < 0xa0) name[i - 1] = name[i] = '?';
  }
  return name;
}

std::unique_ptr<Memory> open_process(const std::string& number) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), pid);
  if (error != std::errc() || *end != '\0' || pid <= 0) throw Failure("'" + number + "' is no process number");
  return std::make_unique<ProcessMemory>(pid);
}

std::unique_ptr<Memory> open_target(const std::string& target) {
  return is_number(target) ? open_process(target) : open_core(target);
}

}  // namespace reslab::outside
