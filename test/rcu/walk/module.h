// A shared library of reslab as it lies in this process: where its code is, and which of it are restartable sections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rcu_walk {

// A thread that is stopped in [start, end) goes on at `abort`.
struct Section {
  uintptr_t start;
  uintptr_t end;
  uintptr_t abort;
};

class Module {
 public:
  // Ends the process with a message if it is not loaded.
  explicit Module(const char* file_name);

  bool has(uintptr_t pc) const { return pc - text_ < text_bytes_; }
  uintptr_t text() const { return text_; }
  size_t text_bytes() const { return text_bytes_; }
  const std::vector<Section>& sections() const { return sections_; }
  const Section* section_at(uintptr_t pc) const;
  // As the disassembly has it.
  uintptr_t link_address(uintptr_t pc) const { return pc - base_; }

 private:
  void read_file(const char* path);

  uintptr_t base_ = 0;
  uintptr_t text_ = 0;
  size_t text_bytes_ = 0;
  std::vector<Section> sections_;
};

}  // namespace rcu_walk
