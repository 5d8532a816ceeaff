# SPDX-License-Identifier: BSD-2-Clause
E1000_HOST_SOURCES := drivers/e1000/e1000.c drivers/e1000/e1000_nic.c drivers/pci/pci.c tests/host/fake_e1000.c
$(eval $(call hosttest,test_e1000,tests/host/test_e1000.c $(E1000_HOST_SOURCES)))
$(eval $(call fuzztarget,fuzz_e1000,tests/fuzz/fuzz_e1000.c $(E1000_HOST_SOURCES)))
