#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""check.py DEFINITION PROGRAM: does every error that the definition lists have a test in the program?

A test leaves the text "@pair CALL ERROR" in the program (suite.h). Errors that the definition does not list are
reported too: either the test or the definition is wrong.
"""

import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "abi"))
from generator import manual, parse  # noqa: E402


def main():
    definition = parse.read(sys.argv[1])
    listed = {(call.name, name) for call in definition.calls for name, _ in manual.errors_of(definition, call)}
    with open(sys.argv[2], "rb") as f:
        pairs = {(a.decode(), b.decode()) for a, b in re.findall(rb"@pair (\w+) (\w+)\0", f.read())}
    tested = {pair for pair in pairs if pair[1] != "OK"}
    working = {call for call, error in pairs if error == "OK"}
    missing = [f"no test of {call} {error}" for call, error in sorted(listed - tested)]
    missing += [f"a test of {call} {error}, which the definition does not list" for call, error in
                sorted(tested - listed)]
    missing += [f"no test of {call} when it works" for call in
                sorted({call.name for call in definition.calls} - working)]
    print("\n".join(missing), file=sys.stderr)
    return 1 if missing else 0


sys.exit(main())
