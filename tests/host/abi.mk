# SPDX-License-Identifier: BSD-2-Clause
# What is generated from the definition of the ABI, on the host.
$(eval $(call hosttest,test_vdso,tests/host/test_vdso.c,-DVDSO='"$(ABI_OUT)/vdso.so"'))
build/host/test_vdso: $(ABI_OUT)/vdso.so

$(eval $(call hosttest,test_decode,tests/host/test_decode.c $(ABI_KERNEL),-DTESSERA_KERNEL=1))
