# SPDX-License-Identifier: BSD-2-Clause
# The conformance suite of the ABI: one program; `make conformance` runs it over each grants file here.

CONFORMANCE_SOURCES := $(wildcard tests/conformance/*.c)
CONFORMANCE_GRANTS  ?= $(wildcard tests/conformance/*.yaml)
CONFORMANCE_CPUS    ?= 1 2 4

# Without the safe stack: threads of the tests have no TLS.
$(eval $(call guesttest,conformance,$(CONFORMANCE_SOURCES),pseudofd,-fno-sanitize=safe-stack -DCONFORMANCE_SERVICES))

# `make test` runs it over tmpfs with all numbers of CPUs, over others with two.
guest_grants_conformance := $(foreach g,$(CONFORMANCE_GRANTS),$(g)$(if $(filter %/tmpfs.yaml,$(g)),,@2))

# Fails if an error that the definition lists has no test.
build/conformance.checked: build/user/conformance abi/cloudabi.def tests/conformance/check.py \
    $(wildcard abi/generator/*.py)
	$(call say,CHECK,$<)
	$(Q)$(PYTHON) tests/conformance/check.py abi/cloudabi.def $< && touch $@
.PHONY: lint-conformance
lint-conformance: build/conformance.checked
lint: lint-conformance

.PHONY: conformance
test-build: build/conformance.checked
conformance: kernel user build/conformance.checked $(BOOT_STRIPPED) ## test all calls of the ABI; ONLY="CALL ERROR"
	@for grants in $(CONFORMANCE_GRANTS); do for cpus in $(CONFORMANCE_CPUS); do \
	    echo "# $$grants at $$cpus CPUs"; \
	    tools/vm exec --smp $$cpus --timeout 300 --grants $$grants build/user/conformance $(if $(ONLY),"$(ONLY)") \
	        || failed=1; \
	done; done; [ -z "$$failed" ]
