# SPDX-License-Identifier: BSD-2-Clause
# Guest tests: each tests/guest/test_NAME.c is a program of its own that prints TAP (tests/guest/tap.h).
# A file tests/guest/test_NAME.yaml beside it names its grants.

$(foreach s,$(wildcard tests/guest/test_*.c),$(eval $(call guesttest,$(basename $(notdir $(s))),$(s),pseudofd)))
