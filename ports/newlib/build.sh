#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds newlib for this system and prints the directory that holds include/ and lib/.
#
# The result is kept in the cache beside the fetched sources, keyed by the hash of everything it is
# made from: recipe, patches, headers and this script. A second clone on the same
# machine therefore only looks it up.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${TESSERA_CACHE:-$HOME/.cache/tessera}
key=$(cd "$here" && { cat recipe build.sh patches/*.patch; find include -type f | sort |
    xargs sha256sum; } | sha256sum | cut -c1-32)
out=$cache/built/newlib-$key
if [ -f "$out/done" ]; then
    echo "$out"
    exit 0
fi

tarball=$("$here/../fetch" "$here/recipe")
mkdir -p "$cache/built"
work=$(mktemp -d "$cache/built/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
log=$work/log
echo "BUILD newlib" >&2

fail()
{
    tail -n 30 "$log" >&2
    kept=$cache/built/newlib-failed.log
    cp "$log" "$kept"
    echo "ports/newlib: $1 failed; whole log in $kept" >&2
    exit 1
}

tar -xzf "$tarball" -C "$work" --strip-components=1
for patch in "$here"/patches/*.patch; do
    patch -s -p1 -d "$work" <"$patch" >>"$log" 2>&1 || fail "$(basename "$patch")"
done
# Ours are laid over newlib's headers, so that the library is compiled with what programs will see.
cp -r "$here"/include/. "$work/newlib/libc/include/"

mkdir "$work/obj"
cd "$work/obj"
export CC="clang-14 --target=x86_64-unknown-cloudabi"
export CC_FOR_BUILD=clang-14 # for a tool of its documentation; there may be no other compiler
export AR=llvm-ar-14 RANLIB=llvm-ranlib-14 AS="$CC" NM=llvm-nm-14
export CFLAGS="-O2 -D__OBSOLETE_MATH=0 -D__tessera__=1 -w"
"$work/newlib/configure" --host=x86_64-unknown-cloudabi --prefix="$work/inst" \
    --cache-file=config.cache \
    --disable-newlib-supplied-syscalls --disable-multilib --disable-dependency-tracking \
    --disable-malloc-debugging \
    --enable-newlib-retargetable-locking --enable-newlib-multithread \
    --enable-newlib-global-stdio-streams --enable-newlib-io-c99-formats \
    --enable-newlib-io-long-long --enable-newlib-io-long-double --enable-newlib-mb \
    --enable-newlib-long-time_t --enable-newlib-iconv \
    --enable-newlib-iconv-encodings=utf_8,utf_16,us_ascii,iso_8859_1,ucs_4 \
    >>"$log" 2>&1 || fail configure
make -s -k -j"${JOBS:-2}" all MAKEINFO=: >>"$log" 2>&1 || fail make
mkdir -p "$work/inst/lib" "$work/inst/include"
cp libc.a libm.a "$work/inst/lib/"
cp -r "$work/newlib/libc/include/." "$work/inst/include/"
# The configured one; the source tree has an empty one of the same name.
cp newlib.h "$work/inst/include/"
for extra in "$work"/newlib/libc/machine/x86_64/sys/*.h; do
    cp "$extra" "$work/inst/include/sys/"
done
touch "$work/inst/done"
rm -rf "$out"
mv "$work/inst" "$out"
echo "$out"
