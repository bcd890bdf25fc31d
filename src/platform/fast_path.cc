#include "platform/fast_path.h"

namespace reslab {
constinit FallbackPath fallback_path{};
constinit FastPath fast_path = {};
}  // namespace reslab
