// SPDX-License-Identifier: Apache-2.0
// `reslab top`: a look every few seconds, on the terminal or as text.

#include <fmt/format.h>
#include <ncurses.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "commands.h"
#include "failure.h"
#include "frame.h"

namespace reslab::tool {
namespace {

using namespace outside;
using Clock = std::chrono::steady_clock;

class Looks {
 public:
  explicit Looks(const std::string& target) : memory_(open_process(target)), view_(*memory_) {}

  void look() {
    before_ = std::move(now_);
    now_ = take_survey(view_);
    const Clock::time_point at = Clock::now();
    seconds_ = std::chrono::duration<double>(at - at_).count();
    at_ = at;
  }
  Look last() const { return {*now_, before_ ? &*before_ : nullptr, seconds_}; }

 private:
  std::unique_ptr<Memory> memory_;
  View view_;
  std::optional<Survey> now_, before_;
  Clock::time_point at_ = Clock::now();
  double seconds_ = 0;
};

// Ends curses whatever happens, so that an error is seen.
class Terminal {
 public:
  Terminal() {
    initscr();
    cbreak();
    noecho();
    curs_set(0);
    keypad(stdscr, TRUE);
  }
  ~Terminal() { endwin(); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void show(const std::vector<std::string>& lines, int head) {
    erase();
    for (int i = 0; i < static_cast<int>(lines.size()) && i < LINES; ++i) {
      if (i == head) attron(A_REVERSE);
      std::string line = lines[static_cast<size_t>(i)];
      if (i == head) line.resize(static_cast<size_t>(COLS), ' ');
      mvaddnstr(i, 0, line.c_str(), COLS);
      if (i == head) attroff(A_REVERSE);
    }
    refresh();
  }
};

// What a key changes; false: end.
bool obey(int key, TopSettings& settings, bool& help) {
  const bool was_help = help;
  help = false;
  switch (key) {
    case 'q':
      return false;
    case 'b':
      settings.sort = SortBy::kBytes;
      break;
    case 'l':
      settings.sort = SortBy::kLive;
      break;
    case 'o':
      settings.sort = SortBy::kObjects;
      break;
    case 'w':
      settings.sort = SortBy::kWaste;
      break;
    case 'a':
      settings.sort = SortBy::kCached;
      break;
    case 'g':
      settings.sort = SortBy::kChange;
      break;
    case 'z':
      settings.sort = SortBy::kSize;
      break;
    case 'c':
      settings.per_cpu = !settings.per_cpu;
      break;
    case '+':
      settings.seconds = std::max(0.1, settings.seconds / 2);
      break;
    case '-':
      settings.seconds = std::min(3600.0, settings.seconds * 2);
      break;
    case 'h':
      help = !was_help;
      break;
    default:
      help = was_help;
      break;
  }
  return true;
}

int on_terminal(TopSettings settings) {
  Looks looks(settings.target);
  looks.look();
  Terminal terminal;
  bool help = false;
  Clock::time_point next = Clock::now();
  for (;;) {  // ends: q, or the process does
    if (Clock::now() >= next) {
      looks.look();
      next =
          Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(settings.seconds));
    }
    if (help) terminal.show(draw_help(), 0);
    else terminal.show(draw_frame(looks.last(), settings, COLS, LINES), kHeadLine);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next - Clock::now()).count();
    timeout(static_cast<int>(std::clamp<long>(left, 10, 1000)));
    const int key = getch();
    if (key != ERR && !obey(key, settings, help)) return 0;
    next = std::min(next, Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                             std::chrono::duration<double>(settings.seconds)));
  }
}

int as_text(const TopSettings& settings) {
  Looks looks(settings.target);
  for (int frame = 0; frame < settings.frames; ++frame) {
    if (frame != 0) std::this_thread::sleep_for(std::chrono::duration<double>(settings.seconds));
    looks.look();
    for (const std::string& line : draw_frame(looks.last(), settings, 80, 1000)) fmt::print("{}\n", line);
    fmt::print("\n");
    fflush(stdout);
  }
  return 0;
}

}  // namespace

int top(const TopSettings& settings) {
  if (settings.frames > 0) return as_text(settings);
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
    throw Failure("top needs a terminal; --frames N prints so many looks as text");
  }
  return on_terminal(settings);
}

}  // namespace reslab::tool
