# SPDX-License-Identifier: BSD-2-Clause
# What is generated from the definition of the ABI: headers, the kernel's decoders,
# the vDSO. All of it goes into build/gen/abi.

ABI_OUT       := build/gen/abi
ABI_GENERATOR := abi/generate.py $(wildcard abi/generator/*.py)
ABI_HEADERS   := $(addprefix $(ABI_OUT)/,cloudabi_types.h cloudabi_syscalls.h kernel_calls.h)
ABI_KERNEL    := $(addprefix $(ABI_OUT)/,kernel_dispatch.c kernel_missing.c)

# The generator leaves unchanged files alone; the stamp is what make looks at.
$(ABI_OUT)/.stamp: abi/cloudabi.def $(ABI_GENERATOR)
	$(call say,GEN,$(ABI_OUT))
	$(Q)$(PYTHON) abi/generate.py abi/cloudabi.def $(ABI_OUT)
	$(Q)touch $@

$(ABI_HEADERS) $(ABI_KERNEL): $(ABI_OUT)/.stamp ;

GENERATED += $(ABI_OUT)/.stamp
KERNEL_EXTRA_SOURCES += $(ABI_KERNEL)
