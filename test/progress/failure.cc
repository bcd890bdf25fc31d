#include "failure.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

namespace progress {
namespace {

char scene_text[256] = "start";
const char* volatile stage_text = "";
volatile pid_t watched_child;

void say(const char* text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) _exit(1);
}

void report(const char* what) {
  char line[640];
  snprintf(line, sizeof line, "%s: FAILED: %s: %s\n", program_invocation_short_name, scene_text, what);
  say(line);
}

// In a handler: snprintf of plain strings allocates nothing.
void on_time_over(int) {
  char what[160];
  snprintf(what, sizeof what, "a hang, while %s", stage_text);
  report(what);
  if (watched_child > 0) kill(watched_child, SIGKILL);
  _exit(1);
}

}  // namespace

void set_scene(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(scene_text, sizeof scene_text, format, arguments);
  va_end(arguments);
}

const char* scene() { return scene_text; }

void expect(bool holds, const char* format, ...) {
  if (holds) return;
  char what[320];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  report(what);
  if (watched_child > 0) kill(watched_child, SIGKILL);
  _exit(1);
}

void limit_time(unsigned seconds, pid_t child) {
  watched_child = child;
  signal(SIGALRM, on_time_over);
  alarm(seconds);
}

void set_stage(const char* words) { stage_text = words; }

}  // namespace progress
