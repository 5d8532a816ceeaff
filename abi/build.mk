# SPDX-License-Identifier: BSD-2-Clause
# What is generated from the definition of the ABI: headers now; all of it into build/gen/abi.

ABI_OUT       := build/gen/abi
ABI_GENERATOR := abi/generate.py $(wildcard abi/generator/*.py)
ABI_HEADERS   := $(addprefix $(ABI_OUT)/,cloudabi_types.h cloudabi_syscalls.h)

# The generator leaves unchanged files alone; the stamp is what make looks at.
$(ABI_OUT)/.stamp: abi/cloudabi.def $(ABI_GENERATOR)
	$(call say,GEN,$(ABI_OUT))
	$(Q)$(PYTHON) abi/generate.py abi/cloudabi.def $(ABI_OUT)
	$(Q)touch $@

$(ABI_HEADERS): $(ABI_OUT)/.stamp ;

GENERATED += $(ABI_OUT)/.stamp
