#include "base/counters.h"

namespace reslab {
constinit Counters counters = {};
}
