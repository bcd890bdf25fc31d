// SPDX-License-Identifier: Apache-2.0
// base/options: RESLAB_OPTIONS is read as documented, and nothing it may hold does harm.
#include "base/options.h"

#include <gtest/gtest.h>
#include <reslab/reslab.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "base/text.h"
#include "support/child.h"
#include "support/memory_file.h"

namespace reslab {
namespace {

// Parses `text` as if it were the environment's; the process's own RESLAB_OPTIONS is put back.
class OptionsTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* now = getenv("RESLAB_OPTIONS");
    if (now != nullptr) kept_ = now;
  }
  void TearDown() override { setenv("RESLAB_OPTIONS", kept_.c_str(), 1); }

  const Options& parse(const char* text) {
    setenv("RESLAB_OPTIONS", text, 1);
    complaints_ = unit::stderr_of([this] { parse_options(options_, Speak::kYes); });
    return options_;
  }

  std::string value_of(const char* name) {
    Line line;
    return format_option(options_, name, line) ? line.c_str() : "(none)";
  }

  Options options_;
  std::string complaints_;

 private:
  std::string kept_;
};

TEST_F(OptionsTest, DefaultsHoldWithoutAnEnvironment) {
  unsetenv("RESLAB_OPTIONS");
  parse_options(options_, Speak::kYes);
  EXPECT_EQ(value_of("mode"), "auto");
  EXPECT_EQ(value_of("vfork"), "fork");
  EXPECT_EQ(value_of("local_lock"), "try");
  EXPECT_EQ(value_of("stats"), "0");
  EXPECT_EQ(value_of("stats_file"), "");
  EXPECT_EQ(value_of("dirty_min"), "1048576");
  EXPECT_EQ(value_of("dirty_percent"), "5");
}

TEST_F(OptionsTest, EachKindOfValueIsTakenAndWrittenBackAlike) {
  parse("mode=fallback:stats=1:dirty_percent=7:stats_file=/tmp/a=b%p");
  EXPECT_EQ(complaints_, "");
  EXPECT_EQ(options_.mode, static_cast<uint32_t>(ModeOption::kFallback));
  EXPECT_TRUE(options_.stats);
  EXPECT_EQ(options_.dirty_percent, 7u);
  EXPECT_STREQ(options_.stats_file, "/tmp/a=b%p");
  EXPECT_EQ(value_of("mode"), "fallback");
  EXPECT_EQ(value_of("stats"), "1");
  EXPECT_EQ(value_of("dirty_percent"), "7");
  EXPECT_EQ(value_of("stats_file"), "/tmp/a=b%p");
}

TEST_F(OptionsTest, ABareNameSwitchesAFlagOn) {
  EXPECT_TRUE(parse("stats").stats);
  EXPECT_EQ(complaints_, "");
}

TEST_F(OptionsTest, NumbersTakeSuffixesUpToWhatFits) {
  EXPECT_EQ(parse("dirty_min=3k").dirty_min, 3u << 10);
  EXPECT_EQ(parse("dirty_min=3m").dirty_min, 3u << 20);
  EXPECT_EQ(parse("dirty_min=3g").dirty_min, uint64_t{3} << 30);
  EXPECT_EQ(parse("dirty_min=0").dirty_min, 0u);
  EXPECT_EQ(complaints_, "");
  for (const char* bad : {"", "k", "3x", "3kk", "-1", "0x10", " 1", "99999999999999999999999", "99999999999g"}) {
    EXPECT_EQ(parse((std::string("dirty_min=") + bad).c_str()).dirty_min, 1u << 20) << bad;
    EXPECT_NE(complaints_.find("bad value for option 'dirty_min'"), std::string::npos) << bad;
  }
}

// What reslab_option_get tells can be said again.
TEST_F(OptionsTest, EveryNumberThatIsTakenIsWrittenInAFormThatIsTaken) {
  for (const char* large : {"17179869183g", "18446744073709551615", "18014398509481983k"}) {
    const uint64_t taken = parse((std::string("dirty_min=") + large).c_str()).dirty_min;
    EXPECT_EQ(parse(("dirty_min=" + value_of("dirty_min")).c_str()).dirty_min, taken) << large;
    EXPECT_EQ(complaints_, "") << large;
  }
  parse("dirty_min=18446744073709551616");
  EXPECT_NE(complaints_.find("bad value for option 'dirty_min'"), std::string::npos);
}

TEST_F(OptionsTest, ChoicesAreComparedWhole) {
  for (const char* bad : {"", "fall", "fallbacks", "FALLBACK", "auto|rseq"}) {
    EXPECT_EQ(parse((std::string("mode=") + bad).c_str()).mode, 0u) << bad;
    EXPECT_NE(complaints_.find("bad value for option 'mode'"), std::string::npos) << bad;
  }
}

TEST_F(OptionsTest, AnUnknownOptionIsNamedOnceAndTheOthersHold) {
  parse("stats=1:colour=blue:dirty_percent=9");
  const size_t first = complaints_.find("'colour'");
  ASSERT_NE(first, std::string::npos) << complaints_;
  EXPECT_EQ(complaints_.find("'colour'", first + 1), std::string::npos) << complaints_;
  EXPECT_TRUE(options_.stats);
  EXPECT_EQ(options_.dirty_percent, 9u);
}

TEST_F(OptionsTest, AValueWithoutANameIsNamedOnceAndNothingIsNoName) {
  parse("::=1:=2");
  EXPECT_EQ(complaints_, "reslab: RESLAB_OPTIONS: unknown option '' is ignored (RESLAB_OPTIONS=help lists all)\n");
}

TEST_F(OptionsTest, AnOptionThatNeedsAValueSaysSo) {
  EXPECT_EQ(parse("dirty_percent").dirty_percent, 5u);
  EXPECT_NE(complaints_.find("'dirty_percent' needs a value"), std::string::npos) << complaints_;
}

TEST_F(OptionsTest, NobodyComplainsWhereSilenceIsAsked) {
  setenv("RESLAB_OPTIONS", "colour=blue:mode=x:help", 1);
  EXPECT_EQ(unit::stderr_of([this] { parse_options(options_, Speak::kNo); }), "");
}

TEST_F(OptionsTest, TextThatDoesNotFitIsRefused) {
  const std::string longest(kOptionTextBytes - 1, 'x');
  EXPECT_EQ(parse(("stats_file=" + longest).c_str()).stats_file, longest);
  parse(("stats_file=" + longest + "x").c_str());
  EXPECT_STREQ(options_.stats_file, "");
  EXPECT_NE(complaints_.find("bad value for option 'stats_file'"), std::string::npos);
}

TEST_F(OptionsTest, HardenStandsForWhatIsNotNamedItself) {
  EXPECT_FALSE(parse("harden=0").zero_on_free);
  for (const char* text : {"harden", "zero_on_free=0:harden=1", "harden=1:zero_on_free=0"}) {
    const bool zeroes = strstr(text, "zero") == nullptr;
    EXPECT_EQ(parse(text).zero_on_free, zeroes) << text;
    EXPECT_TRUE(options_.random_placement && options_.check_frees && options_.guard_metadata && options_.check_sizes);
    EXPECT_EQ(complaints_, "");
  }
  parse("harden=1:colour=blue:mode=x");
  EXPECT_EQ(std::count(complaints_.begin(), complaints_.end(), '\n'), 2) << complaints_;
}

TEST_F(OptionsTest, HelpNamesEveryOption) {
  parse("help");
  for (const char* name : {"mode", "vfork", "local_lock", "stats", "stats_file", "help", "dirty_min", "dirty_percent",
                           "depot_min", "check_sizes"}) {
    EXPECT_NE(complaints_.find(std::string("option ") + name + "="), std::string::npos) << name;
  }
}

TEST_F(OptionsTest, StrangeTextEndsInTimeAndLeavesTheRestAlone) {
  for (const char* text : {":", "::::", ":stats=1:", "=", "=1", "=:stats=1", "stats=1:=x", "stats==1"}) {
    SCOPED_TRACE(text);
    unit::in_child([&] { EXPECT_EQ(parse(text).dirty_percent, 5u); }, 2);
  }
}

TEST_F(OptionsTest, OptionGetTellsWhatIsOnAndWhatIsNot) {
  char value[16];
  EXPECT_EQ(reslab_option_get("dirty_percent", value, sizeof value), 0);
  EXPECT_STREQ(value, "5");
  EXPECT_EQ(reslab_option_get("colour", value, sizeof value), EINVAL);
  EXPECT_EQ(reslab_option_get(nullptr, value, sizeof value), EINVAL);
  EXPECT_EQ(reslab_option_get("mode", nullptr, 1), EINVAL);
  EXPECT_EQ(reslab_option_get("mode", value, 0), EINVAL);
  char small[4];
  EXPECT_EQ(reslab_option_get("dirty_min", small, sizeof small), ERANGE);
  EXPECT_STREQ(small, "104");
}

}  // namespace
}  // namespace reslab
