// SPDX-License-Identifier: Apache-2.0
#include "view.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "failure.h"
#include "reslab_version.h"
#include "sound_image.h"

namespace reslab::outside {
namespace {

// The address that a note of reslab's names, if the module at `start` has one. Reads the loaded segments alone.
std::optional<uint64_t> find_note(const Memory& memory, uint64_t start) {
  Elf64_Ehdr header;
  if (!memory.try_read(start, &header, sizeof header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phnum > 512) {
    return {};
  }
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  if (!memory.try_read(start + header.e_phoff, segments.data(), segments.size() * sizeof segments[0])) return {};
  uint64_t bias = start;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type == PT_LOAD && segment.p_offset == 0) bias = start - segment.p_vaddr;
  }
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_NOTE || segment.p_memsz > 65536) continue;
    std::vector<char> notes(segment.p_memsz);
    if (!memory.try_read(bias + segment.p_vaddr, notes.data(), notes.size())) continue;
    size_t at = 0;
    while (at + sizeof(Elf64_Nhdr) <= notes.size()) {
      Elf64_Nhdr note;
      memcpy(&note, &notes[at], sizeof note);
      const size_t name = at + sizeof note, description = name + (note.n_namesz + 3) / 4 * 4;
      const size_t next = description + (note.n_descsz + 3) / 4 * 4;
      if (next > notes.size() || next <= at) break;
      if (note.n_type == kImageNoteType && note.n_namesz == 7 && note.n_descsz == 8 &&
          memcmp(&notes[name], "reslab", 7) == 0) {
        int64_t offset;
        memcpy(&offset, &notes[description], sizeof offset);
        return bias + segment.p_vaddr + description + static_cast<uint64_t>(offset);
      }
      at = next;
    }
  }
  return {};
}

void require_known(const Image& image, const View& view) {
  if (image.magic != kImageMagic) throw Failure(view.memory().title() + ": its heap has no image that could be read");
  if (image.version == kImageVersion && image.bytes == sizeof image && image.layout == image_layout()) return;
  throw Failure(view.memory().title() + " runs another version of reslab (its image is version " +
                std::to_string(image.version) + "; this command is of reslab " RESLAB_VERSION " and reads version " +
                std::to_string(kImageVersion) + "): use the command that came with the library " + view.module());
}

}  // namespace

View::View(const Memory& memory) : memory_(memory), image_{}, image_at_(0) {
  bool is_there = false;
  for (const Module& module : memory.modules()) {
    const std::optional<uint64_t> pointer = find_note(memory, module.start);
    if (!pointer) continue;
    is_there = true;
    module_ = module.path;
    image_at_ = read<uint64_t>(*pointer);
    if (image_at_ != 0) break;
  }
  if (image_at_ == 0) memory.require_alive(Memory::Look::kPatient);
  if (!is_there) memory.modules();  // of one that takes long to end there are none by now, and it says so
  if (!is_there) throw Failure(memory.title() + " (" + memory.name() + ") does not run on reslab");
  if (image_at_ == 0) throw Failure(memory.title() + " has loaded reslab, but has not allocated anything yet");
  // The head first: another version's image may be shorter.
  const Piece head{image_at_, &image_, kImageHead};
  memory.read({&head, 1});
  require_known(image_, *this);
  image_ = read<Image>(image_at_);
  require_sound(image_, memory.title());
  read_classes();
}

View View::renewed() const {
  View now = *this;
  now.read_classes();
  return now;
}

void View::read_classes() {
  classes_.clear();
  append_shapes(image_.class_info_at, image_.class_count);
  // The ids between have no slabs; more than these have no place in the unit map.
  classes_.resize(image_.cache_classes_first);
  const uint32_t most = (1 << 12) - static_cast<uint32_t>(image_.cache_classes_first);
  append_shapes(image_.cache_info_at, std::min(read<uint32_t>(image_.cache_classes_made_at), most));
  name_cache_classes();
}

void View::append_shapes(uint64_t infos_at, size_t count) {
  const std::vector<char> bytes = read_many<char>(infos_at, count * image_.class_info_stride);
  for (size_t i = 0; i < count; ++i) {
    const char* info = bytes.data() + i * image_.class_info_stride;
    ClassShape shape = {};
    memcpy(&shape.object_bytes, info + image_.info_object_bytes, 4);
    memcpy(&shape.slab_units, info + image_.info_slab_units, 2);
    memcpy(&shape.capacity, info + image_.info_capacity, 4);
    memcpy(&shape.begin, info + image_.info_begin, 4);
    memcpy(&shape.magazine, info + image_.info_magazine, 4);
    memcpy(&shape.flags, info + image_.info_flags, 2);
    shape.exists = is_possible(shape);
    classes_.push_back(shape);
  }
}

// A class may be made again of another size while it is read, and a core's table may be damaged.
bool View::is_possible(const ClassShape& shape) const {
  return shape.object_bytes >= 8 && shape.capacity >= 1 && shape.capacity <= image_.dense_bytes * 8 &&
         shape.slab_units >= 1 && shape.slab_units <= 16 && shape.begin >= 1 &&
         shape.begin + uint64_t{shape.magazine} < image_.closed_top &&
         uint64_t{shape.capacity} * shape.object_bytes <= shape.slab_units * image_.unit_bytes;
}

void View::name_cache_classes() {
  const size_t first = image_.cache_classes_first, stride = image_.cache_classes_stride;
  const std::vector<char> bytes = read_many<char>(image_.cache_classes_at, (classes_.size() - first) * stride);
  for (size_t cls = first; cls < classes_.size(); ++cls) {
    const char* at = bytes.data() + (cls - first) * stride;
    uint32_t state;
    memcpy(&state, at + image_.cache_class_state, sizeof state);
    classes_[cls].exists &= state == image_.cache_class_ready;
    classes_[cls].name = name_from(at + image_.cache_class_name, image_.name_bytes);
  }
}

uint32_t View::class_at(uint64_t address) const {
  const uint64_t unit = (address - image_.window_at) / image_.unit_bytes;
  const uint16_t entry = read<uint16_t>(image_.class_of_at + unit * 2);
  const uint32_t cls = entry & 0xfff;
  if (cls != image_.charged_class) return cls;
  const auto first = static_cast<uint32_t>(unit - std::min<uint64_t>(unit, entry >> 12));
  const uint64_t at = part_of_chunk(first, image_.chunk_descriptors, image_.descriptor_bytes);
  return static_cast<uint32_t>(read<uint64_t>(at + image_.slab_state) >> 16 & 0xffff);
}

std::vector<UnitRun> View::runs(uint64_t at, uint64_t places) const {
  std::vector<UnitRun> runs;
  for (const uint64_t word : read_many<uint64_t>(at, places)) {
    if (word != 0) runs.push_back({static_cast<uint32_t>(word), static_cast<uint32_t>(word >> 32)});
  }
  return runs;
}

std::vector<bool> marked_units(const std::vector<UnitRun>& runs, uint32_t end) {
  std::vector<bool> marked(end);
  for (const UnitRun run : runs) {
    for (uint64_t unit = run.first; unit < std::min<uint64_t>(run.first + uint64_t{run.units}, end); ++unit) {
      marked[unit] = true;
    }
  }
  return marked;
}

std::string View::read_text(uint64_t address, size_t most) const {
  std::string text;
  for (char c; text.size() < most && memory_.try_read(address + text.size(), &c, 1) && c != '\0';) text += c;
  return name_from(text.data(), text.size());
}

uint32_t View::frontier() const {
  return std::min<uint32_t>(read<uint32_t>(image_.frontier_at), static_cast<uint32_t>(image_.window_units));
}

std::vector<uint32_t> View::ready_slots() const {
  const std::vector<uint8_t> ready = read_many<uint8_t>(image_.region_ready_at, image_.slots);
  std::vector<uint32_t> found;
  for (uint32_t slot = 0; slot < ready.size(); ++slot) {
    if (ready[slot] != 0) found.push_back(slot);
  }
  return found;
}

uint32_t View::blocks_made() const {
  const uint64_t most = writable(image_.block_marks_at) * image_.blocks_in_chunk;
  return static_cast<uint32_t>(std::min<uint64_t>(read<uint32_t>(image_.blocks_made_at), most));
}

// In few goes, but not in one: a frontier that is damaged meets memory that is not there before it asks for more than
// there is.
Descriptors::Descriptors(const View& view, uint32_t frontier) : view_(view), frontier_(frontier) {
  const Image& image = view.image();
  const uint64_t chunks_a_go = std::max<uint64_t>(1, kMostBytesAGo / (image.chunk_units * image.descriptor_bytes));
  for (uint64_t begin = 0; begin < frontier; begin += chunks_a_go * image.chunk_units) {
    const uint64_t end = std::min<uint64_t>(frontier, begin + chunks_a_go * image.chunk_units);
    bytes_.resize(end * image.descriptor_bytes);
    std::vector<Piece> pieces;
    for (uint64_t first = begin; first < end; first += image.chunk_units) {
      const uint64_t count = std::min<uint64_t>(image.chunk_units, end - first);
      pieces.push_back(
          {view.part_of_chunk(static_cast<uint32_t>(first), image.chunk_descriptors, image.descriptor_bytes),
           bytes_.data() + first * image.descriptor_bytes, count * image.descriptor_bytes});
    }
    view.memory().read(pieces);
  }
}

Descriptor Descriptors::operator[](uint32_t unit) const {
  const Image& image = view_.image();
  const char* at = bytes_.data() + unit * image.descriptor_bytes;
  Descriptor found = {};
  memcpy(&found.state, at + image.slab_state, 8);
  memcpy(&found.next, at + image.slab_next, 4);
  memcpy(&found.free_hint, at + image.slab_free_hint, 4);
  memcpy(&found.run_units, at + image.slab_run_units, 4);
  found.bits = reinterpret_cast<const uint64_t*>(at + image.slab_bits);
  return found;
}

std::vector<uint64_t> Descriptors::bits(uint32_t unit, const ClassShape& shape) const {
  const Image& image = view_.image();
  if (shape.capacity <= image.inline_bits) {
    const uint64_t* bits = (*this)[unit].bits;
    return {bits, bits + shape.words()};
  }
  return view_.read_many<uint64_t>(view_.part_of_chunk(unit, image.chunk_dense, image.dense_bytes), shape.words());
}

std::vector<BlockHead> read_blocks(const View& view) {
  const Image& image = view.image();
  const uint32_t made = view.blocks_made();
  std::vector<BlockHead> heads;
  for (uint64_t first = 0; first < made; first += image.blocks_in_chunk) {
    const uint64_t count = std::min<uint64_t>(image.blocks_in_chunk, made - first);
    const std::vector<char> bytes =
        view.read_many<char>(image.block_chunks_at + first / image.blocks_in_chunk * image.block_chunk_bytes,
                             count * image.block_header_stride);
    for (uint64_t i = 0; i < count; ++i) {
      const char* at = bytes.data() + i * image.block_header_stride;
      BlockHead head = {};
      memcpy(&head.next, at + image.block_next, 4);
      memcpy(&head.count, at + image.block_count, 2);
      memcpy(&head.state_and_class, at + image.block_state, 2);
      heads.push_back(head);
    }
  }
  return heads;
}

}  // namespace reslab::outside
