# SPDX-License-Identifier: BSD-2-Clause
"""tools/vm exec: programs of the host run inside, with their output and status passed through."""

import os
import subprocess
import time

import pytest

from tessera import vm

CC = os.path.join(vm.ROOT, "build", "sdk", "bin", "x86_64-tessera-cc")


@pytest.fixture(scope="module")
def compile_c(tmp_path_factory):
    """Compiles C text and returns the path of the program."""
    folder = tmp_path_factory.mktemp("programs")

    def compile_text(name, text):
        source = folder / f"{name}.c"
        source.write_text(text)
        subprocess.run([CC, str(source), "-o", str(folder / name)], check=True, cwd=vm.ROOT)
        return str(folder / name)
    return compile_text


def execute(program, *args, options=(), stdin=b""):
    name = os.path.basename(program)
    command = [os.path.join(vm.ROOT, "tools", "vm"), "exec", "--timeout", "30",
               "--log", os.path.join(vm.LOGS, f"scenario-exec-{name}.log"), *options, program, *args]
    return subprocess.run(command, input=stdin, capture_output=True, cwd=vm.ROOT, check=False, timeout=90)


HELLO = '#include <stdio.h>\nint main(int argc, char **argv) { for (int i = 1; i < argc; i++) puts(argv[i]); ' \
        'printf("hello\\n"); return 0; }\n'


def test_hello_with_arguments(compile_c):
    done = execute(compile_c("hello", HELLO), "one", "two words", "")
    assert (done.returncode, done.stdout) == (0, b"one\ntwo words\n\nhello\n"), done.stderr


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_exit_code(compile_c, code):
    assert execute(compile_c(f"exit{code}", f"int main(void) {{ return {code}; }}\n")).returncode == code


@pytest.mark.parametrize("body, signal", [("*(volatile int *)8 = 1;", 13), ("__builtin_trap();", 8), ("abort();", 1)])
def test_signal(compile_c, body, signal):
    program = compile_c(f"signal{signal}", f"#include <stdlib.h>\nint main(void) {{ {body} return 0; }}\n")
    assert execute(program).returncode == 128 + signal


def test_output_is_unchanged(compile_c):
    text = '#include <stdio.h>\nint main(void) { for (int i = 0; i < 65536; i++) putchar(i & 255); return 0; }\n'
    done = execute(compile_c("bytes", text))
    assert done.returncode == 0 and done.stdout == bytes(range(256)) * 256


def test_slow_reader_loses_nothing(compile_c):
    """What nobody reads holds the program up: pipes and sockets between are full when the reading begins."""
    text = '#include <stdio.h>\nint main(void) { for (int i = 0; i < 50000; i++) printf("%07d\\n", i); return 0; }\n'
    command = [os.path.join(vm.ROOT, "tools", "vm"), "exec", "--timeout", "60", compile_c("slow", text)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=vm.ROOT) as process:
        time.sleep(2)
        output = process.stdout.read()
    assert process.returncode == 0 and output == b"".join(b"%07d\n" % i for i in range(50000))


def test_input_arrives(compile_c):
    text = '#include <stdio.h>\nint main(void) { int c, n = 0; while (n < 5 && (c = getchar()) != EOF) ' \
           '{ putchar(c + 1); n++; } return n; }\n'
    done = execute(compile_c("input", text), stdin=b"HAL89")
    assert (done.returncode, done.stdout) == (5, b"IBM9:"), done.stderr


def test_grants(compile_c, tmp_path):
    grants = tmp_path / "grants.yaml"
    grants.write_text("%TAG ! tag:nuxi.nl,2015:cloudabi/\n---\n"
                      "stdout: !fd stdout\n"
                      "work: !dir {service: tmpfs, path: a/b, create: true, rights: [list, read, write, create]}\n"
                      "args: [prog, x]\n")
    text = '#include <fcntl.h>\n#include <stdio.h>\n#include <errno.h>\n#include <unistd.h>\n' \
           '#include <tessera/grants.h>\nint main(int argc, char **argv) {\n' \
           'int d = grant_fd("work"), f = openat(d, "f", O_CREAT | O_RDWR, 0644);\n' \
           'printf("%d %d %d\\n", argc, f >= 0, (int)write(f, "abc", 3));\n' \
           'printf("%d\\n", unlinkat(d, "f", 0)); printf("%d\\n", grant_fd("tmpdir")); return 0; }\n'
    done = execute(compile_c("grants", text), options=("--grants", str(grants)))
    assert (done.returncode, done.stdout) == (0, b"2 1 3\n-1\n-1\n"), done.stderr


def test_timeout(compile_c):
    done = execute(compile_c("forever", "int main(void) { for (;;) ; }\n"), options=("--timeout", "4"))
    assert done.returncode == vm.EXIT_TIMEOUT


def test_not_a_program(tmp_path):
    rubbish = tmp_path / "rubbish"
    rubbish.write_bytes(b"\x7fELF" + b"\xff" * 5000)
    done = execute(str(rubbish))
    assert done.returncode == vm.EXIT_NO_STATUS and b"init: program: " in done.stderr


def test_bad_grants_are_refused_by_line(compile_c, tmp_path):
    grants = tmp_path / "bad.yaml"
    grants.write_text("a: 1\nb: !dir {service: nowhere}\n")
    done = execute(compile_c("hello2", HELLO), options=("--grants", str(grants)))
    assert done.returncode == vm.EXIT_NO_STATUS and b"bad.yaml:2:" in done.stderr
