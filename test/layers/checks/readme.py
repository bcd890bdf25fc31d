# SPDX-License-Identifier: Apache-2.0
"""src/README.md says what the sources say: the layers in their order, and the system calls, all of them."""

import re

from checks import tree


def check(root):
    path = root / "src/README.md"
    if not path.is_file():
        return ["there is no src/README.md"]
    text = path.read_text()
    problems = []

    listed = re.findall(r"^\| `(\w+)/` \|", text, re.M)
    if listed != list(tree.LAYERS):
        problems.append(f"src/README.md lists the layers {listed}, not {list(tree.LAYERS)}")
    folders = {path.name for path in (root / "src").iterdir() if path.is_dir()}
    if folders != set(tree.LAYERS):
        problems.append(f"the folders of src/ are {sorted(folders)}, not the layers")

    used = {call for file in tree.files(root) for call in re.findall(r"\bSYS_(\w+)", file.code)}
    described = {call for row in re.findall(r"^\| ((?:`\w+`,? ?)+) \| (?:plain|start|upkeep|report)", text, re.M)
                 for call in re.findall(r"`(\w+)`", row)}
    for call in sorted(used - described):
        problems.append(f"src/README.md says nothing of the system call {call}")
    for call in sorted(described - used):
        problems.append(f"src/README.md lists the system call {call}, which nobody makes")
    return problems
