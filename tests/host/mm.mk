# SPDX-License-Identifier: BSD-2-Clause
# The pure parts of memory management, against simple models.
$(eval $(call hosttest,test_mm,tests/host/test_mm.c kernel/mm/buddy.c kernel/mm/radix.c \
    kernel/mm/area_tree.c,-DTESSERA_KERNEL=1))
$(eval $(call hosttest,test_vmspace,tests/host/test_vmspace.c tests/host/fake_machine.c \
    $(wildcard kernel/mm/*.c kernel/job/*.c),-DTESSERA_KERNEL=1))
# What pagers say about places.
$(eval $(call fuzztarget,fuzz_extents,tests/fuzz/fuzz_extents.c tests/host/fake_machine.c kernel/fd/port_extents.c \
    $(wildcard kernel/mm/*.c kernel/job/*.c),-DTESSERA_KERNEL=1))
