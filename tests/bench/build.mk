# SPDX-License-Identifier: BSD-2-Clause
# Measuring programs: tools/vm exec --icount build/user/bench-NAME, with the grants of bench-NAME.yaml if there are any
$(eval $(call program,bench-calls,tests/bench/calls.c tests/bench/bench.c,))
$(eval $(call program,bench-pairs,tests/bench/pairs.c tests/bench/bench.c,))
$(eval $(call program,bench-port,tests/bench/port.c tests/bench/bench.c,pseudofd))
$(eval $(call program,bench-files,tests/bench/files.c tests/bench/bench.c,))
$(eval $(call program,bench-pager,tests/bench/pager.c tests/bench/bench.c,pseudofd))
$(eval $(call program,bench-net,tests/bench/net.c tests/bench/bench.c,))
$(eval $(call program,rawdisk,tests/bench/rawdisk.c,))
# Beside a Linux guest, in wall time (beside.py)
$(eval $(call program,beside_disk,tests/bench/beside_disk.c,))
$(eval $(call program,beside_calls,tests/bench/beside_calls.c,))
$(eval $(call program,beside_net,tests/bench/beside_net.c,))
