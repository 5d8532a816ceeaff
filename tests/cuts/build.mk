# SPDX-License-Identifier: BSD-2-Clause
# Power cuts: a machine is killed in the middle of a workload, and what its disk holds is checked.
$(eval $(call program,workload,tests/cuts/workload.c,))

CUTS ?= 200
.PHONY: cuts
##@ Testing
cuts: kernel user build/boot.img ## kill CUTS (200) machines at random instants, check their disks; resumes
	@$(PYTHON) tests/cuts/cuts.py --count $(CUTS)
