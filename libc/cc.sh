#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# x86_64-tessera-cc: the C compiler for programs of this system. It is clang 14 with this SDK as its
# system root; takes clang's options, compiles (-c, -S, -E) and links static position-independent programs.
case $0 in
*/*) here=${0%/*} ;;
*) here=$(dirname "$(command -v "$0")") ;;
esac
if [ -L "$0" ]; then
    here=$(dirname "$(readlink -f "$0")")
fi
sdk=$here/..

link=yes
inputs=no
nostart=no
nodefault=no
skip=no
for arg; do
    if [ $skip = yes ]; then
        skip=no
        continue
    fi
    case $arg in
    -c | -S | -E | -M | -MM | -fsyntax-only | --version | -v | -dumpmachine | -dumpversion | -print-* | -dM) link=no ;;
    -shared | -dynamiclib)
        echo "x86_64-tessera-cc: $arg: this system has static programs only" >&2
        exit 1
        ;;
    -nostartfiles) nostart=yes ;;
    -nodefaultlibs | -nolibc) nodefault=yes ;;
    -nostdlib) nostart=yes nodefault=yes ;;
    -o | -x | -MF | -MT | -MQ | -I | -D | -U | -include | -isystem | -Xclang | -Xlinker | -L | -T) skip=yes ;;
    -) inputs=yes ;;
    -*) ;;
    *) inputs=yes ;;
    esac
done

set -- --target=x86_64-unknown-cloudabi --sysroot="$sdk" -isystem "$sdk/include" -D__tessera__=1 "$@"
if [ $link = no ] || [ $inputs = no ]; then
    exec clang-14 -Wno-unused-command-line-argument "$@"
fi

# The driver's own choice of start files and libraries is not ours; say them all.
[ $nostart = yes ] || set -- "$sdk/lib/crt0.o" "$sdk/lib/crtbegin.o" "$@"
[ $nodefault = yes ] || set -- "$@" -Wl,--start-group -lc -lm -Wl,--end-group -lcompiler_rt
[ $nostart = yes ] || set -- "$@" -Xlinker "$sdk/lib/crtend.o"
exec clang-14 -Wno-unused-command-line-argument -fuse-ld=lld-14 -nostdlib -L"$sdk/lib" \
    -Wl,-z,now -Wl,-z,relro -Wl,-z,separate-code -Wl,--build-id=none "$@"
