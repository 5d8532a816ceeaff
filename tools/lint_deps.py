#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Who may include whom: the rules of docs/architecture.md, checked in two ways.

Every #include "..." in the text must lead from a room to one that it may see; and the dependency files that the
compiler wrote must show that ring-0 code saw nothing but the kernel, the generated ABI headers and the request
protocol.
"""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)

# Layers of the kernel, lower first. A file may include its own layer and those below.
LAYERS = ("lib debug", "arch", "sync", "job", "mm", "sched", "fd", "proc", "dev", "syscall", "main")
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names.split()}

# Headers that are a contract for layers below their own, as kernel/arch/arch.h is: header: (layers, what for).
CONTRACTS = {
    "kernel/arch/arch.h": ("lib", "random numbers are seeded from the machine"),
    "kernel/sched/thread.h": ("lib sync job mm", "who runs: the current thread, and the state that it carries"),
    "kernel/sched/sched.h": ("lib sync job mm", "parking and waking"),
    "kernel/mm/slab.h": ("job", "jobs are objects as well; slabs charge jobs"),
    "kernel/proc/process.h": ("fd", "the table and the job of the current process"),
    "kernel/dev/knode.h": ("fd", "a place in the kernel's own directory can be where a path starts"),
    "kernel/mm/memobj_priv.h": ("fd", "files that are memory objects"),
    "kernel/proc/process_priv.h": ("syscall", "the handlers of the proc calls"),
}
# Who talks to this machine's devices outside kernel/arch.
MACHINE_USERS = ("kernel/dev/", "kernel/main.c")

# room: the prefixes that it may include by name (what lies in the SDK's include/ is included with <>).
SEES = {
    "abi": ("abi/",),
    "kernel": ("kernel/", "abi/", "pseudofd/proto/"),
    "pseudofd/proto": ("pseudofd/proto/", "abi/"),
    "pseudofd/server": ("pseudofd/server/", "pseudofd/proto/", "abi/"),
    "libc": ("libc/", "abi/"),
    "drivers": ("drivers/", "abi/"),
    "services": ("services/common/", "pseudofd/server/", "pseudofd/proto/", "drivers/", "libc/", "abi/"),
    "apps": ("apps/", "libc/", "abi/"),
}


def room_of(path):
    """The room whose rules hold for a file, or None if none do (tests see everything but what is generated)."""
    for room in sorted(SEES, key=len, reverse=True):
        if path.startswith(room + "/"):
            return room
    return None


def resolve(path, included):
    """The included file as a path from the root: beside the file, or from the root."""
    beside = os.path.normpath(os.path.join(os.path.dirname(path), included))
    return beside if os.path.exists(os.path.join(ROOT, beside)) else included


def layer(path):
    """The layer of a kernel file; files directly in kernel/ are the topmost."""
    parts = path.split("/")
    return LEVEL.get(parts[1], len(LAYERS)) if len(parts) > 2 else len(LAYERS)


def kernel_complaint(path, target):
    """Upward includes. The architecture's own .c files implement what others declare, so they may see all."""
    inside_arch = path.startswith("kernel/arch/") and not path.startswith("kernel/arch/arch.h")
    if inside_arch:
        return None
    folder = path.split("/")[1]
    if folder in CONTRACTS.get(target, ("",))[0].split() or folder == "debug":
        return None
    if target.startswith("kernel/arch/x86_64/") and not path.startswith(("kernel/arch/",) + MACHINE_USERS):
        return "only kernel/arch may include the machine's own headers (use kernel/arch/arch.h)"
    if target.startswith("kernel/") and layer(target) > layer(path):
        return "a lower layer may not include an upper one"
    return None


def complaint(path, included):
    """What is wrong with an include, None if it is in order."""
    room, target = room_of(path), resolve(path, included)
    if target.startswith("kernel/") and room not in (None, "kernel"):
        return "only the kernel includes kernel headers"
    if room is None:
        return None
    if room == "kernel":
        wrong = kernel_complaint(path, target)
        if wrong:
            return wrong
    private = target.endswith("_priv.h") and os.path.exists(os.path.join(ROOT, target))
    if private and os.path.dirname(target) != os.path.dirname(path) and target not in CONTRACTS:
        return "a _priv.h belongs to its own folder"
    allowed = SEES[room]
    if room == "services":
        allowed += ("/".join(path.split("/")[:2]) + "/",)
    if target.startswith("build/") or target.startswith(allowed):
        return None
    if "/" not in target and not os.path.exists(os.path.join(ROOT, target)):
        return None  # a generated or third-party header, found by -I
    known = tuple(r + "/" for r in SEES) + ("services/", "apps/", "pseudofd/", "tests/")
    return f"{room} may not see this" if target.startswith(known) else None


def check_text():
    names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.c", "*.h", "*.S"],
                           cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for path in sorted(names):
        if not os.path.exists(os.path.join(ROOT, path)):
            continue
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            text = f.read()
        for found in INCLUDE.finditer(text):
            wrong = complaint(path, found.group(1))
            if wrong:
                line = text.count("\n", 0, found.start()) + 1
                yield f'{path}:{line}: #include "{found.group(1)}": {wrong}'


def check_ring0():
    """All that the kernel's objects were made from."""
    clang = os.path.join("lib", "clang")
    for out in ("build/kernel/obj", "build/debug-kernel/obj"):
        for folder, _, names in os.walk(os.path.join(ROOT, out)):
            for name in sorted(n for n in names if n.endswith(".d")):
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    rule = f.read().partition("\n\n")[0].replace("\\\n", " ")
                for used in re.split(r"\s+", rule.partition(": ")[2].strip()):
                    used = os.path.normpath(used)
                    if used.startswith(("kernel/", "pseudofd/proto/", "build/gen/", "abi/")) or clang in used:
                        continue
                    yield f"{os.path.join(out, name)}: ring-0 code was made from {used}"


def check_cycles():
    """Header cycles, which include guards would hide."""
    graph = {}
    for folder, dirs, names in os.walk(ROOT):
        dirs[:] = [d for d in dirs if d not in ("build", ".git")]
        for name in names:
            if name.endswith(".h"):
                path = os.path.relpath(os.path.join(folder, name), ROOT)
                with open(os.path.join(ROOT, path), encoding="utf-8") as f:
                    graph[path] = [resolve(path, i) for i in INCLUDE.findall(f.read())]
    done = set()

    def walk(path, above):
        if path in above:
            yield "headers include each other in a circle: " + " -> ".join(above[above.index(path):] + (path,))
        elif path not in done:
            for target in graph.get(path, ()):
                yield from walk(target, above + (path,))
            done.add(path)

    for path in sorted(graph):
        yield from walk(path, ())


def main():
    complaints = sorted(set(check_text()) | set(check_ring0()) | set(check_cycles()))
    for text in complaints:
        print(text)
    return 1 if complaints else 0


sys.exit(main())
