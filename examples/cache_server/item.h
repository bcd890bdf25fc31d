// SPDX-License-Identifier: Apache-2.0
// What a table is made of:
//
//   Entry {next, value, hash, is_used}  ->  Value {cas, expires, flags, lengths} key data \r\n
//
// An Entry is what a key has as long as it is there. It is small and of one size: an object of a typed cache, 24 bytes
// apart. A Value is one block of the tenant's budget, written before a reader can see it and not again, but for the
// time that it ends at; another one takes its place by one store. Readers hold no lock, so both are retired by
// reslab_free_rcu, which takes objects of any kind and size and needs no room in them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <string_view>

namespace cache_server {

constexpr size_t kMaxKeyBytes = 250;
constexpr size_t kMaxDataBytes = size_t{1} << 20;
constexpr std::string_view kLineEnd = "\r\n";

// Seconds since 1970, as the protocol has them.
inline uint32_t now() { return static_cast<uint32_t>(time(nullptr)); }

inline uint32_t hash_of(std::string_view key) {
  const size_t hash = std::hash<std::string_view>()(key);
  return static_cast<uint32_t>(hash ^ (hash >> 32));
}

// What a client says of a value.
struct Attributes {
  uint32_t flags = 0;
  uint32_t expires = 0;  // a time, or 0: never
};

struct Value {
  uint64_t cas;  // another one for each value stored under a key
  // Relaxed: a time that is a moment old is as good.
  std::atomic<uint32_t> expires;
  uint32_t flags;
  uint32_t data_bytes;
  uint8_t key_bytes;

  Value(std::string_view key, Attributes attributes, uint32_t bytes)
      : cas(0),
        expires(attributes.expires),
        flags(attributes.flags),
        data_bytes(bytes),
        key_bytes(static_cast<uint8_t>(key.size())) {
    key.copy(text(), key.size());
    kLineEnd.copy(data() + bytes, kLineEnd.size());
  }

  static size_t bytes_for(size_t key_bytes, size_t data_bytes) {
    return sizeof(Value) + key_bytes + data_bytes + kLineEnd.size();
  }

  char* data() { return text() + key_bytes; }
  std::string_view key() const { return {text(), key_bytes}; }
  std::string_view contents() const { return {text() + key_bytes, data_bytes}; }
  // As it is sent.
  std::string_view line() const { return {text() + key_bytes, data_bytes + kLineEnd.size()}; }

  Attributes attributes() const { return {flags, expires.load(std::memory_order_relaxed)}; }
  bool has_expired() const {
    const uint32_t end = expires.load(std::memory_order_relaxed);
    return end != 0 && end <= now();
  }

 private:
  char* text() { return reinterpret_cast<char*>(this + 1); }
  const char* text() const { return reinterpret_cast<const char*>(this + 1); }
};

struct Entry {
  // Release when they change, acquire in readers: these see what is behind the pointers whole.
  std::atomic<Entry*> next;
  std::atomic<Value*> value;
  uint32_t hash;
  std::atomic<bool> is_used;  // read since the clock's hand came by; a hint, so relaxed
};
static_assert(sizeof(Entry) == 24);

}  // namespace cache_server
