# SPDX-License-Identifier: BSD-2-Clause
# Guest tests: each tests/guest/test_NAME.c is a program of its own that prints TAP (tests/guest/tap.h).
# A file tests/guest/test_NAME.yaml beside it names its grants.
# A line `# disk: KIND` in that gives the machine a fresh disk (tests/disk.py); `# disk: KIND N` one that serves N
# requests a second.

$(foreach s,$(wildcard tests/guest/test_*.c),$(eval $(call guesttest,$(basename $(notdir $(s))),$(s),pseudofd)))
guest_grants_test_large_file := tests/guest/test_large_file-ext2.yaml tests/guest/test_large_file-tmpfs.yaml
