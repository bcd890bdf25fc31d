#include "platform/fast_path.h"

namespace reslab {
constinit FastPath fast_path = {};
}
