#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Small things in the text: a licence line in each source, no tabs in C, no trailing blanks, short enough lines."""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCES = (".c", ".h", ".S", ".py", ".mk", ".ld", ".sh")
LICENCE = "SPDX-License-Identifier: BSD-2-Clause"
MAX_LINE = 120


def complaints(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        try:
            text = f.read()
        except UnicodeDecodeError:
            return
    source = path.endswith(SOURCES)
    if source and LICENCE not in text[:600]:
        yield f"{path}:1: no licence line ({LICENCE})"
    if not source:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line != line.rstrip():
            yield f"{path}:{number}: blanks at the end of the line"
        if path.endswith((".c", ".h")) and "\t" in line:
            yield f"{path}:{number}: a tab"
        if len(line) > MAX_LINE:
            yield f"{path}:{number}: longer than {MAX_LINE} characters"


def main():
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                           capture_output=True, text=True, check=True).stdout.split("\0")
    found = [c for name in sorted(filter(None, names)) if os.path.isfile(os.path.join(ROOT, name))
             and not name.startswith("ports/") for c in complaints(name)]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


sys.exit(main())
