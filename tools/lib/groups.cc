// SPDX-License-Identifier: Apache-2.0
#include "groups.h"

#include <algorithm>
#include <cstring>

namespace reslab::outside {
namespace {

constexpr uint32_t kMostGroups = 1024;
constexpr uint64_t kBytes = (uint64_t{1} << 48) - 1;  // of a group's word

// A copy of the table, and what CPUs hold ahead of charges.
class Groups {
 public:
  explicit Groups(const View& view) : view_(view), image_(view.image()) {
    end_ = std::min(view.read<uint32_t>(image_.groups_end_at), kMostGroups);
    records_ = view.read_many<char>(image_.groups_at, end_ * image_.groups_stride);
    stocked_.resize(end_);
    // Behind the records: what leaves a stock meanwhile is in `used`, and looks as used, never as less than it is.
    for (uint32_t id = 1; id < end_; ++id) stocked_[id] = is_live(id) ? read_stocks(id) : 0;
  }

  std::vector<GroupFigures> figures() const {
    std::vector<GroupFigures> all;
    for (uint32_t id = 1; id < end_; ++id) {
      if (is_live(id)) all.push_back(figures_of(id));
    }
    return all;
  }

 private:
  template <class T>
  T word(uint32_t id, uint64_t offset) const {
    T value;
    memcpy(&value, records_.data() + id * image_.groups_stride + offset, sizeof value);
    return value;
  }
  bool is_live(uint32_t id) const { return word<uint32_t>(id, image_.group_state) == image_.group_live; }
  uint32_t parent_of(uint32_t id) const {
    const uint32_t parent = word<uint32_t>(id, image_.group_parent);
    return parent < end_ ? parent : 0;
  }

  // Ends: as many steps as there are groups, whatever was read.
  bool lies_in(uint32_t id, uint32_t outer) const {
    for (uint32_t steps = 0; id != 0 && id != outer && steps < end_; ++steps) id = parent_of(id);
    return id == outer;
  }

  uint64_t read_stocks(uint32_t id) const {
    const std::vector<char> stocks =
        view_.read_many<char>(word<uint64_t>(id, image_.group_stocks), image_.slots * image_.group_stock_stride);
    uint64_t sum = 0;
    for (uint64_t slot = 0; slot < image_.slots; ++slot) {
      uint64_t bytes;
      memcpy(&bytes, stocks.data() + slot * image_.group_stock_stride, sizeof bytes);
      sum += bytes;
    }
    return sum;
  }

  uint64_t usage_of(uint32_t id) const {
    const uint64_t used = word<uint64_t>(id, image_.group_used) & kBytes;
    uint64_t stocked = 0;
    for (uint32_t inner = 1; inner < end_; ++inner) stocked += lies_in(inner, id) ? stocked_[inner] : 0;
    return used > stocked ? used - stocked : 0;
  }

  GroupFigures figures_of(uint32_t id) const {
    const uint64_t place = word<uint64_t>(id, image_.group_used) >> 48 & 0x3f;
    const auto limit = word<uint64_t>(id, image_.group_limits + place * sizeof(uint64_t));
    const char* name = &records_[id * image_.groups_stride + image_.group_name];
    return {.id = id,
            .parent = parent_of(id),
            .name = name_from(name, image_.name_bytes),
            .has_limit = limit < kBytes,
            .limit_bytes = limit,
            .usage_bytes = usage_of(id),
            .peak_bytes = word<uint64_t>(id, image_.group_peak),
            .failures = word<uint64_t>(id, image_.group_failures)};
  }

  const View& view_;
  const Image& image_;
  uint32_t end_;
  std::vector<char> records_;
  std::vector<uint64_t> stocked_;
};

}  // namespace

std::vector<GroupFigures> read_groups(const View& view) { return Groups(view).figures(); }

}  // namespace reslab::outside
