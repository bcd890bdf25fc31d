# SPDX-License-Identifier: Apache-2.0
"""Sources to compile: one C++ file heavy with templates, and a small C project with a Makefile."""

CXX_HEAD = """\
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <ranges>
#include <regex>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

template <int N> struct Tag { static constexpr int value = N; };

template <typename... Ts> struct Record {
    std::tuple<Ts...> fields;
    std::map<std::string, std::variant<Ts...>> named;
    template <std::size_t... Is> long sum(std::index_sequence<Is...>) const {
        return (0L + ... + static_cast<long>(std::get<Is>(fields)));
    }
    long sum() const { return sum(std::index_sequence_for<Ts...>{}); }
};

template <int N> long weigh() {
    if constexpr (N < 2) return N;
    else return (weigh<N - 1>() + weigh<N - 2>()) % 1000003;
}
"""

CXX_UNIT = """\
struct Key{n} {{
    int id; std::string name;
    auto operator<=>(const Key{n} &) const = default;
}};
static long unit{n}() {{
    std::map<Key{n}, std::vector<Tag<{n}>>> tags;
    for (int i = 0; i < {n} + 3; ++i) tags[{{i, std::to_string(i * {n})}}].resize(i % 5);
    Record<char, short, int, long, Tag<{n}>*> *unused = nullptr;
    Record<int, long, unsigned, short> record{{{{{n}, {n} * 2L, 3u, 4}}, {{}}}};
    auto even = tags | std::views::filter([](const auto &e) {{ return e.first.id % 2 == 0; }})
                     | std::views::transform([](const auto &e) {{ return e.second.size() + Tag<{n}>::value; }});
    long total = weigh<{n} + 2>() + record.sum() + (unused == nullptr);
    for (auto size : even) total += static_cast<long>(size);
    std::function<long(long)> twice = [total](long x) {{ return x * 2 + total; }};
    return twice({n});
}}
"""


def templates(units):
    """A C++20 file with `units` functions, each with instantiations of its own; its program prints one line."""
    calls = "".join(f"    total += unit{n}();\n" for n in range(units))
    main = f'int main() {{\n    long total = 0;\n{calls}    std::printf("%ld\\n", total);\n}}\n'
    return CXX_HEAD + "".join(CXX_UNIT.format(n=n) for n in range(units)) + main


C_PART = """\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "project.h"
struct node{n} {{ struct node{n} *next; char text[{n} + 16]; }};
static int compare{n}(const void *a, const void *b) {{ return *(const int *)a - *(const int *)b; }}
long part{n}(long seed) {{
    struct node{n} *head = NULL;
    int values[{n} + 8];
    for (int i = 0; i < {n} + 8; i++) {{
        struct node{n} *node = malloc(sizeof *node);
        snprintf(node->text, sizeof node->text, "%ld", seed * (i + {n}));
        node->next = head;
        head = node;
        values[i] = (int)strlen(node->text) * (i ^ {n});
    }}
    qsort(values, {n} + 8, sizeof values[0], compare{n});
    for (struct node{n} *next; head; head = next) {{ next = head->next; seed += head->text[0]; free(head); }}
    return seed + values[{n} / 2];
}}
"""

MAKEFILE = """\
CC = /usr/bin/gcc -O2 -wrapper {recorder}
PARTS = {parts}
project: main.o libproject.a
	$(CC) -o $@ main.o libproject.a
libproject.a: $(PARTS)
	rm -f $@
	/usr/bin/ar rcD $@ $^
%.o: %.c project.h
	$(CC) -c -o $@ $<
"""


def project(run, recorder, parts):
    """Writes the project into the run's folder; `make` builds ./project, which prints one line."""
    numbers = range(parts)
    for n in numbers:
        run.write(f"part{n}.c", C_PART.format(n=n))
    run.write("project.h", "".join(f"long part{n}(long seed);\n" for n in numbers))
    calls = "".join(f"    seed = part{n}(seed);\n" for n in numbers)
    run.write("main.c", '#include <stdio.h>\n#include "project.h"\nint main(void) {\n    long seed = 1;\n'
                  f'{calls}    printf("%ld\\n", seed);\n    return 0;\n}}\n')
    run.write("Makefile", MAKEFILE.format(
        recorder=recorder, parts=" ".join(f"part{n}.o" for n in numbers)))
