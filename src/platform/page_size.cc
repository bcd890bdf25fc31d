// SPDX-License-Identifier: Apache-2.0
#include "platform/page_size.h"

#include <sys/auxv.h>

namespace reslab {

constinit std::atomic<size_t> published_page_bytes{0};

size_t kernel_page_bytes() { return getauxval(AT_PAGESZ); }

size_t page_bytes_at_any_time() {
  const size_t known = system_page_bytes();
  return known != 0 ? known : kernel_page_bytes();
}

}  // namespace reslab
