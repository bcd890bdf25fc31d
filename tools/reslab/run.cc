// SPDX-License-Identifier: Apache-2.0
// `reslab run`: the environment of a preloaded program, then the program in place of this one.

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "commands.h"
#include "failure.h"

namespace reslab::tool {
namespace {

namespace fs = std::filesystem;
using outside::Failure;

// Beside this command, wherever both were installed or built; else where they were meant to be.
std::string find_library() {
  std::error_code ignored;
  const fs::path here = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const fs::path& place :
       {here / RESLAB_LIBRARY_FROM_BIN, here / "../src/libreslab.so.1", fs::path(RESLAB_LIBRARY)}) {
    const fs::path found = fs::weakly_canonical(place, ignored);
    if (!ignored && fs::is_regular_file(found, ignored)) return found.string();
  }
  throw Failure("the library is not where this command was installed; name it by --library");
}

void put_before(const char* name, const std::string& value) {
  const char* had = getenv(name);
  const std::string all = had == nullptr || *had == '\0' ? value : value + ":" + had;
  setenv(name, all.c_str(), 1);
}

}  // namespace

int run(const RunSettings& settings) {
  const std::string library = settings.library.empty() ? find_library() : fs::absolute(settings.library).string();
  if (access(library.c_str(), R_OK) != 0) throw Failure("cannot read the library " + library + ": " + strerror(errno));
  if (library.find_first_of(": ") != std::string::npos) {
    throw Failure("the loader cannot preload a library whose path has a colon or a blank: " + library);
  }
  put_before("LD_PRELOAD", library);
  if (!settings.options.empty()) put_before("RESLAB_OPTIONS", settings.options);
  std::vector<char*> arguments;
  for (const std::string& word : settings.command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  const int error = errno;
  throw Failure("cannot run " + settings.command[0] + ": " + strerror(error));
}

}  // namespace reslab::tool
