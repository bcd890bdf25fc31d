// SPDX-License-Identifier: Apache-2.0
#include "names.h"

#include <cstdio>
#include <cstring>

#include "base/counters.h"
#include "base/options.h"
#include "platform/cpu.h"
#include "reslab/reslab.h"

namespace reslab::outside {
namespace {

static_assert(kModeRseq == static_cast<uint64_t>(Mode::kRseq));

struct CounterName {
  Counter counter;
  const char* name;
};
constexpr CounterName kCounters[] = {
    {Counter::kAllocs, "allocs"},
    {Counter::kFrees, "frees"},
    {Counter::kNolockAllocs, "nolock_allocs"},
    {Counter::kNolockFailures, "nolock_failures"},
    {Counter::kNolockRetries, "nolock_retries"},
    {Counter::kDeferredPushed, "deferred_pushed"},
    {Counter::kDeferredFlushed, "deferred_flushed"},
    {Counter::kLocalLockBusySelf, "local_lock_busy_self"},
    {Counter::kLocalLockBusyOther, "local_lock_busy_other"},
    {Counter::kReentries, "reentries"},
    {Counter::kRestartsExhausted, "rseq_restarts_exhausted"},
    {Counter::kDeactivations, "deactivations"},
    {Counter::kRefills, "refills"},
    {Counter::kFlushes, "flushes"},
    {Counter::kDoubleFrees, "double_frees"},
    {Counter::kInvalidFrees, "invalid_frees"},
    {Counter::kForkLostObjects, "fork_lost_objects"},
    {Counter::kPurgedBytes, "bytes_purged"},
    {Counter::kNolockFromMagazine, "nolock_from_magazine"},
    {Counter::kNolockFromDepot, "nolock_from_depot"},
    {Counter::kNolockFromActive, "nolock_from_active"},
    {Counter::kNolockFromPartial, "nolock_from_partial"},
    {Counter::kNolockFromDeferred, "nolock_from_deferred"},
    {Counter::kNolockFromNewSlab, "nolock_from_new_slab"},
    {Counter::kNolockFromRun, "nolock_from_run"},
    {Counter::kSingleBitAllocs, "single_bit_allocs"},
    {Counter::kSingleBitFrees, "single_bit_frees"},
    {Counter::kSentHome, "sent_home"},
    {Counter::kLimitRefusals, "limit_refusals"},
};

std::string choice(const char* choices, uint32_t index) {
  std::string all = choices;
  for (; index > 0 && all.find('|') != std::string::npos; --index) all.erase(0, all.find('|') + 1);
  return all.substr(0, all.find('|'));
}

}  // namespace

std::vector<std::string> feature_names(uint64_t features) {
  std::vector<std::string> names;
  if ((features & RESLAB_FEATURE_RSEQ_FENCE) != 0) names.push_back("rseq_fence");
  if ((features & RESLAB_FEATURE_WIPE_ON_FORK) != 0) names.push_back("wipe_on_fork");
  if ((features & RESLAB_FEATURE_STRICT_COMMIT) != 0) names.push_back("strict_commit");
  return names;
}

std::vector<std::pair<std::string, std::string>> read_options(const View& view) {
  if (view.image().options_bytes != sizeof(Options)) return {};
  const Options options = view.read<Options>(view.image().options_at);
  return {
#define CHOICE(name, default_value, choices, help) {#name, choice(choices, options.name)},
#define FLAG(name, default_value, when, help) {#name, options.name ? "1" : "0"},
#define NUMBER(name, default_value, when, unit, help) {#name, std::to_string(uint64_t{options.name})},
#define TEXT(name, default_value, help) {#name, std::string(options.name, strnlen(options.name, sizeof options.name))},
#include "base/options.def"
#undef CHOICE
#undef FLAG
#undef NUMBER
#undef TEXT
  };
}

std::vector<std::pair<std::string, uint64_t>> read_counters(const View& view) {
  const Image& image = view.image();
  const std::vector<char> shards =
      view.read_many<char>(image.counters_at, image.counters_shards * image.counters_stride);
  std::vector<std::pair<std::string, uint64_t>> sums;
  for (uint64_t i = 0; i < image.counters_count; ++i) {
    uint64_t sum = 0;
    for (uint64_t shard = 0; shard < image.counters_shards; ++shard) {
      uint64_t value;
      memcpy(&value, &shards[shard * image.counters_stride + i * sizeof value], sizeof value);
      sum += value;
    }
    std::string name = "counter_" + std::to_string(i);
    for (const CounterName& known : kCounters) {
      if (static_cast<uint64_t>(known.counter) == i) name = known.name;
    }
    sums.emplace_back(name, sum);
  }
  return sums;
}

std::string class_name(const View& view, uint32_t cls) {
  if (cls == view.image().run_class) return "runs";
  if (!view.is_small(cls)) return "class " + std::to_string(cls);
  const ClassShape& shape = view.classes()[cls];
  const bool is_mallocs = cls < view.image().class_count;
  return is_mallocs ? std::to_string(shape.object_bytes) : shape.name.empty() ? "no name" : shape.name;
}

std::vector<std::string> class_traits(const ClassShape& shape) {
  std::vector<std::string> traits;
  if (shape.is_type_safe()) traits.push_back("type-safe");
  if (shape.is_constructed()) traits.push_back("constructed");
  if (shape.is_charged()) traits.push_back("charged");
  return traits;
}

std::string human_bytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  char text[32];
  snprintf(text, sizeof text,
           unit == 0 || value >= 100 ? "%.0f %s"
           : value >= 10             ? "%.1f %s"
                                     : "%.2f %s",
           value, kUnits[unit]);
  return text;
}

}  // namespace reslab::outside
