# SPDX-License-Identifier: BSD-2-Clause
# The tools and the flags that hold everywhere.

CLANG     := clang-14
LLD       := ld.lld-14
AR        := llvm-ar-14
OBJCOPY   := llvm-objcopy-14
STRIP     := llvm-strip-14
NM        := llvm-nm-14
PYTHON    := /usr/bin/python3
TESSERACC := build/sdk/bin/x86_64-tessera-cc

ifeq ($(V),1)
Q   :=
say :=
else
Q   := @
# $(call say,VERB,WHAT): one short line per file.
say  = @printf '  %-9s%s\n' '$(1)' '$(2)'
endif

WARNINGS := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wvla
INCLUDES := -I. -Ibuild/gen

# Rooms add to these in their build.mk:
GENERATED  :=# generated headers and sources; made before anything is compiled
SDK_FILES  :=# what a program links against; made before any program is compiled
BOOT_FILES :=# NAME_IN_ARCHIVE=FILE pairs for the boot archive
