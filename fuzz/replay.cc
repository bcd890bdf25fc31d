// SPDX-License-Identifier: Apache-2.0
// Replays inputs of a fuzz target without a fuzzer, in the mode of the library that is the first argument: rseq or
// fallback. Each other argument is a file or a folder of files.

#include <reslab/reslab.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

void replay(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

bool runs_in(const std::string& mode) {
  reslab_status status = {};
  const bool known = reslab_get_status(&status, sizeof status) == 0;
  const uint32_t wanted = mode == "rseq" ? RESLAB_MODE_RSEQ : RESLAB_MODE_FALLBACK;
  if (known && status.mode == wanted) return true;
  std::fprintf(stderr, "replay: the library does not run in mode %s: %s\n", mode.c_str(), status.mode_reason);
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || !runs_in(argv[1])) return 1;
  size_t count = 0;
  for (int i = 2; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      replay(argv[i]);
      ++count;
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      replay(entry.path());
      ++count;
    }
  }
  std::printf("%zu inputs replayed\n", count);
  return count > 0 ? 0 : 1;
}
