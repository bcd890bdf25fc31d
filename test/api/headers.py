# SPDX-License-Identifier: Apache-2.0
"""The public headers compile alone, in every language and standard they claim, without a warning; and the compiler knows
what their declarations promise.

Usage: headers.py INCLUDE_FOLDER
"""

import shutil
import subprocess
import sys

from programs import failed, finish

C = ["c11", "c17", "c2x"]
CXX = ["c++17", "c++20", "c++2b"]
COMPILERS = {"gcc": ("c", C), "clang": ("c", C), "g++": ("c++", CXX), "clang++": ("c++", CXX)}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wundef", "-Wconversion", "-Wshadow", "-Wmissing-declarations"]

ALONE = "#include <reslab/reslab.h>\n"

# Every pairing is allowed, so none is warned of.
PAIRINGS = ALONE + """
#include <stdlib.h>
void pair(void);
void pair(void) {
  free(reslab_malloc(10));
  reslab_free(malloc(10));
  reslab_free_nolock(reslab_calloc(10, 10));
  free(reslab_malloc_nolock(10, RESLAB_ZERO | RESLAB_GROW | RESLAB_NODE(3)));
}
"""

NOEXCEPT = ALONE + """
static_assert(noexcept(reslab_malloc(1)) && noexcept(reslab_calloc(1, 1)) && noexcept(reslab_realloc(nullptr, 1)) &&
              noexcept(reslab_reallocarray(nullptr, 1, 1)) && noexcept(reslab_aligned_alloc(16, 1)) &&
              noexcept(reslab_posix_memalign(nullptr, 16, 1)) && noexcept(reslab_free(nullptr)) &&
              noexcept(reslab_free_sized(nullptr, 1)) && noexcept(reslab_free_aligned_sized(nullptr, 16, 1)) &&
              noexcept(reslab_usable_size(nullptr)) && noexcept(reslab_good_size(1)) &&
              noexcept(reslab_malloc_nolock(1, 0)) && noexcept(reslab_aligned_alloc_nolock(16, 1, 0)) &&
              noexcept(reslab_free_nolock(nullptr)) && noexcept(reslab_free_sized_nolock(nullptr, 1)) &&
              noexcept(reslab_page_size()) && noexcept(reslab_flush_deferred()) && noexcept(reslab_trim(0)) &&
              noexcept(reslab_check(-1)) && noexcept(reslab_get_stats(nullptr, 0)) &&
              noexcept(reslab_get_status(nullptr, 0)) && noexcept(reslab_get_class_stats(nullptr, 0, 0)) &&
              noexcept(reslab_option_get("", nullptr, 0)) && noexcept(reslab_option_set("", "")) &&
              noexcept(reslab_heap_dump(0)) && noexcept(reslab_version()));
"""

RCU = "#include <reslab/rcu.h>\n"

CLASSES = """
#include <reslab/reslab.hpp>
#include <scoped_allocator>
#include <vector>
static_assert(std::is_same_v<std::allocator_traits<reslab::allocator<int>>::rebind_alloc<long>, reslab::allocator<long>>);
struct Base {
  virtual ~Base() = default;
};
bool use();
bool use() {
  reslab::rcu_retire(static_cast<Base*>(nullptr));
  const auto some = reslab::allocator<int>().allocate_at_least(3);
  reslab::allocator<int>().deallocate(some.ptr, some.count);
  std::vector<int, reslab::allocator<int>> numbers(3);
  std::vector<std::vector<int, reslab::allocator<int>>,
              std::scoped_allocator_adaptor<reslab::allocator<std::vector<int, reslab::allocator<int>>>>> rows(3);
  reslab::memory_resource plain;
  reslab::nolock_memory_resource nolock;
  reslab::cache<long> longs("longs");
  return numbers.size() == rows.size() && reslab::allocator<int>{} == reslab::allocator<long>{} &&
         !(reslab::allocator<int>{} != reslab::allocator<long>{}) && plain.is_equal(nolock) && longs.make(1L) != nullptr;
}
"""
CLASSES_BUILT = [[], ["-fno-rtti"], ["-fno-exceptions"]]

# What has to be refused, and the words of the refusal in either compiler.
REFUSED = {
    "a result that is dropped": (ALONE + "void drop(void);\nvoid drop(void) { reslab_malloc(10); }\n",
                                 ["warn_unused_result", "unused-result"]),
    "a dropped failure": (ALONE + "void drop(void);\nvoid drop(void) { void* p; reslab_posix_memalign(&p, 16, 1); }\n",
                          ["warn_unused_result", "unused-result"]),
}


def compile_text(compiler, language, standard, include, text, more=()):
    """What the compiler says of the text; None when it accepts it."""
    run = subprocess.run([compiler, f"-x{language}", f"-std={standard}", *WARNINGS, *more, "-Werror", "-O2", f"-I{include}",
                          "-c", "-", "-o", "/dev/null"], input=text, capture_output=True, text=True, timeout=60,
                         check=False)
    return run.stderr if run.returncode != 0 else None


def check(compiler, language, standard, include):
    texts = {"alone": ALONE, "twice": ALONE + ALONE, "pairings": PAIRINGS, "rcu.h": RCU + RCU}
    if language == "c++":
        texts["noexcept"] = NOEXCEPT
    for name, text in texts.items():
        said = compile_text(compiler, language, standard, include, text)
        if said is not None:
            failed(f"{compiler} -std={standard}, {name}:\n{said[:2000]}")
    for more in CLASSES_BUILT if language == "c++" else ():
        said = compile_text(compiler, language, standard, include, CLASSES, more)
        if said is not None:
            failed(f"{compiler} -std={standard} {more}, reslab.hpp:\n{said[:2000]}")
    for name, (text, words) in REFUSED.items():
        said = compile_text(compiler, language, standard, include, text)
        if said is None or not any(word in said for word in words):
            failed(f"{compiler} -std={standard} accepted {name}: {said}")
    return len(texts) + len(REFUSED)


def main():
    include, = sys.argv[1:]
    compiled = 0
    for compiler, (language, standards) in COMPILERS.items():
        if shutil.which(compiler) is None:
            print(f"{compiler} is not installed")
            continue
        for standard in standards:
            compiled += check(compiler, language, standard, include)
    finish(compiled, "translation units")


if __name__ == "__main__":
    main()
