# SPDX-License-Identifier: BSD-2-Clause
# The end of a bad cable that runs here; tests/scenario/test_peer.py compiles the other for Linux.
$(eval $(call program,peer,tests/peer/peer.c,))
# Many connections at once: tests/scenario/test_load.py.
$(eval $(call program,netload,tests/peer/netload.c,))
# System calls for each frame: tests/scenario/test_frames.py.
$(eval $(call program,frames,tests/peer/frames.c,))
