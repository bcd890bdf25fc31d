// SPDX-License-Identifier: Apache-2.0
// A client's conversation, apart from its socket: bytes in, answers out. Bytes may come in pieces of any kind; what
// they say may be anything, and is answered by an error where it is no request.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "output.h"
#include "request.h"
#include "service.h"

namespace cache_server {

class Session {
 public:
  static constexpr size_t kMaxLineBytes = 2048;  // but for `get`, whose line has no limit

  Session(Service& service, Counters& counters) : service_(service), counters_(counters) {}
  ~Session() { drop_value(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // How many bytes of `input` it took: all but an unfinished line or key, which is to be shown again with more behind
  // it, as long as the output does not get full.
  size_t consume(std::string_view input, Output& output);

  // Where the next bytes may also be received to, without a copy; empty but inside the data of a value.
  std::span<char> wanted_data();
  void data_came(size_t bytes, Output& output);

  bool is_over() const { return is_over_; }

 private:
  enum class Expects { kLine, kKeys, kData, kUnwantedData, kUnwantedLine };

  size_t consume_one(std::string_view input, Output& output);
  size_t take_line(std::string_view input, Output& output);
  size_t take_key(std::string_view input, Output& output);
  size_t skip_line(std::string_view input);

  void begin_get(bool with_cas);
  void answer_get(std::string_view key, Output& output);

  void execute(const Request& request, Output& output);
  void begin_data(const Request& request, Output& output);
  void refuse_data(const Request& request, std::string_view answer, Output& output);
  void end_data(Output& output);
  Outcome store_value();
  Outcome join(const Value& piece);
  void count(const Request& request, Output& output);
  void drop_value();

  void answer(std::string_view text, Output& output);

  Service& service_;
  Counters& counters_;
  Expects expects_ = Expects::kLine;
  bool is_silent_ = false;  // the request that is being answered
  bool is_over_ = false;

  // Of a get.
  bool with_cas_ = false;
  size_t keys_ = 0;

  // Of a storage command.
  Verb verb_ = Verb::kSet;
  uint64_t cas_ = 0;
  Tenant* tenant_ = nullptr;
  Value* value_ = nullptr;  // ours until it is stored
  size_t data_left_ = 0;    // with the end of the line
};

}  // namespace cache_server
