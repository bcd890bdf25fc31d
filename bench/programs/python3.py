# SPDX-License-Identifier: Apache-2.0
"""What bench/programs.py has python3 do: objects, dictionaries, text, JSON, regular expressions."""

import json
import re
import string


class Node:
    def __init__(self, key, depth):
        self.key = key
        self.children = [Node(key * 31 + i, depth - 1) for i in range(4)] if depth else []

    def total(self):
        return self.key % 1000 + sum(child.total() for child in self.children)


def words(count):
    letters = string.ascii_lowercase
    return ["".join(letters[(i * 7 + j * j) % 26] for j in range(3 + i % 9)) for i in range(count)]


def main():
    checks = []
    for _ in range(3):
        checks.append(Node(1, 8).total())
    table = {}
    for number, word in enumerate(words(120_000)):
        table.setdefault(word, []).append(number)
    checks.append(len(table))
    text = " ".join(table)
    checks.append(len(re.findall(r"\b[a-m]\w+[n-z]\b", text)))
    records = [{"id": i, "name": f"n{i}", "tags": [str(i % k) for k in range(1, 8)]} for i in range(40_000)]
    for _ in range(2):
        records = json.loads(json.dumps(records))
    checks.append(sum(len(record["tags"]) for record in records))
    checks.append(len(sorted(records, key=lambda record: record["name"])[0]["name"]))
    parts = []
    for i in range(300_000):
        parts.append(str(i * i))
        if len(parts) > 2000:
            parts = parts[1000:]
    checks.append(len("".join(parts)))
    print(checks)


main()
