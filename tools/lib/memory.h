// SPDX-License-Identifier: Apache-2.0
// The memory of somebody else: a running process, which is never stopped, or a core file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace reslab::outside {

// A mapping that begins with the first page of a file, as each loaded program and library has one.
struct Module {
  uint64_t start;
  std::string path;
};

// One of several pieces that are read together.
struct Piece {
  uint64_t address;
  void* into;
  size_t bytes;
};

class Memory {
 public:
  virtual ~Memory() = default;

  // Reads all bytes, or throws: Gone if the target has ended, Failure otherwise.
  virtual void read(std::span<const Piece> pieces) const = 0;
  // The same for one piece; false instead of a Failure.
  virtual bool try_read(uint64_t address, void* into, size_t bytes) const = 0;

  virtual std::vector<Module> modules() const = 0;
  // Which files are mapped where, in the form of /proc/PID/maps: what makes names of addresses.
  virtual std::string mappings() const = 0;
  // Throws Gone if the target has ended. kPatient: something did not fit, so give it a moment to end, if that is what
  // it is about.
  enum class Look { kNow, kPatient };
  virtual void require_alive(Look look) const = 0;

  virtual bool is_live() const = 0;             // it changes while it is read
  virtual std::string name() const = 0;         // of the program, by name_from()
  virtual std::string title() const = 0;        // "process 123", "core file x"
  virtual int64_t process_id() const = 0;       // -1: not known
  virtual uint64_t resident_bytes() const = 0;  // 0: not known
};

// What the user means: a number is a process, anything else the path of a core file.
std::unique_ptr<Memory> open_target(const std::string& target);
std::unique_ptr<Memory> open_process(const std::string& number);
std::unique_ptr<Memory> open_core(const std::string& path);

bool is_number(const std::string& text);

// A text that a program gave, up to its NUL; what a terminal would obey becomes a question mark.
std::string name_from(const char* bytes, size_t most);

// What to tell a user whom the kernel does not let read a process. `yama`: kernel.yama.ptrace_scope, -1 where there is no
// Yama. `same_user`: the process belongs to who asks.
enum class Owner { kSameUser, kOtherUser };
std::string advice_for_permission(Owner owner, int yama);

}  // namespace reslab::outside
