// SPDX-License-Identifier: Apache-2.0
// The classes of the heap as a program sees them, through the public interface alone.
#pragma once

#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace api {

inline std::vector<reslab_class_stats> class_stats() {
  std::vector<reslab_class_stats> classes(static_cast<size_t>(reslab_get_class_stats(nullptr, 0, 0)));
  reslab_get_class_stats(classes.data(), classes.size(), sizeof classes[0]);
  return classes;
}

// Objects handed out of the class that serves `bytes`; of the class of runs, units.
inline int64_t live_objects(size_t bytes) {
  const bool is_run = bytes > RESLAB_NOLOCK_MAX;
  for (const reslab_class_stats& one : class_stats()) {
    const bool is_runs = strcmp(one.name, "runs") == 0;
    if (is_run ? is_runs : !is_runs && one.object_bytes == reslab_good_size(bytes))
      return static_cast<int64_t>(one.live);
  }
  ADD_FAILURE() << "no class of " << bytes << " bytes";
  return 0;
}

}  // namespace api
