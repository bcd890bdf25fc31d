# SPDX-License-Identifier: Apache-2.0
"""Every source file says under which licence it is, in its first lines."""

FOLDERS = (".ci", "bench", "examples", "fuzz", "include", "man", "packaging", "src", "test", "tools")
LINE = "SPDX-License-Identifier: Apache-2.0"
# Prose, data, and what a test feeds to programs.
WITHOUT = (".md", ".json", ".list.in", ".svg", ".log")
INPUTS = ("corpus", "inputs", "__pycache__")


def check(root):
    files = [root / "dev", root / "meson.build", root / "meson_options.txt"]
    for folder in FOLDERS:
        files += [path for path in sorted((root / folder).rglob("*")) if path.is_file()]
    problems = []
    for path in files:
        name = path.relative_to(root)
        if path.name.endswith(WITHOUT) or any(part in INPUTS for part in name.parts):
            continue
        if LINE not in "\n".join(path.read_text(errors="replace").splitlines()[:5]):
            problems.append(f"{name}: its first lines do not say its licence")
    return problems
