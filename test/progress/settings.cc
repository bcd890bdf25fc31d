// SPDX-License-Identifier: Apache-2.0
#include "settings.h"

#include <reslab/reslab.h>
#include <string.h>

#include "failure.h"
#include "mode.h"

namespace progress {

Settings read_settings(int argc, char** argv, const char* purpose) {
  static constexpr support::Option kOptions[] = {
      support::kModeOption,
      {"--local-lock", "try|always|never", "fail unless the option local_lock is that (default try)"},
      {"--quick", nullptr, "the short form (the default)"},
      {"--minutes", "M", "the long form"},
      support::kSeedOption,
      {"--operation", "NAME", "only this one"},
      support::kLogOption,
  };
  const support::Arguments arguments(argc, argv, purpose, kOptions);
  return {.mode = arguments.required("--mode"),
          .local_lock = arguments.text("--local-lock", "try"),
          .minutes = arguments.has("--quick") ? 0 : arguments.amount("--minutes", 0),
          .seed = arguments.number("--seed", 1, 0),
          .operation = arguments.text("--operation", nullptr),
          .log = support::Log(arguments)};
}

void require(const Settings& settings) {
  support::require_mode(settings.mode);
  char lock[16] = "";
  reslab_option_get("local_lock", lock, sizeof lock);
  support::expect(strcmp(lock, settings.local_lock) == 0, "local_lock is '%s', not '%s'", lock, settings.local_lock);
}

}  // namespace progress
