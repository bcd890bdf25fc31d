# SPDX-License-Identifier: Apache-2.0
"""Includes point downwards, and every file belongs to a layer."""

from checks import tree


def _problem(file, header):
    layer = header.split("/")[0]
    if header in tree.OUTSIDE:
        return None if file.layer in tree.OUTSIDE[header] else f"only {sorted(tree.OUTSIDE[header])} may"
    if layer not in tree.LAYERS:
        return "it belongs to no layer"
    if tree.LAYERS.index(layer) > tree.LAYERS.index(file.layer) and header not in tree.UPWARD.get(file.layer, ()):
        return "it lies above"
    return None


def check(root):
    problems = []
    for file in tree.files(root):
        if file.layer not in tree.LAYERS:
            problems.append(f"src/{file.name}: {file.layer} is no layer")
            continue
        for line, header in file.includes():
            why = None if header.startswith("<") else _problem(file, header)
            if why:
                problems.append(f"src/{file.name}:{line}: includes {header}, and {why}")
            if not header.startswith("<") and header not in tree.OUTSIDE and not (root / "src" / header).is_file():
                problems.append(f"src/{file.name}:{line}: there is no {header}")
    return problems + _unused_exceptions(root)


def _unused_exceptions(root):
    made = {(file.layer, header) for file in tree.files(root) for _, header in file.includes()}
    return [f"nobody in {layer}/ includes {header} any more: the exception can go"
            for layer, headers in tree.UPWARD.items() for header in headers if (layer, header) not in made]
