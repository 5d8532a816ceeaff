# SPDX-License-Identifier: BSD-2-Clause
# Descriptor tables, sockets and the descriptors in their messages, on the host.
$(eval $(call hosttest,test_fd,tests/host/test_fd.c tests/host/fd_mock.c kernel/syscall/sys_sock.c \
    $(addprefix kernel/fd/,rights.c file.c table.c pass.c stream.c dgram.c)))
# The text of a look-up.
$(eval $(call hosttest,test_nametext,tests/host/test_nametext.c kernel/fd/nametext.c))
$(eval $(call fuzztarget,fuzz_nametext,tests/fuzz/fuzz_nametext.c kernel/fd/nametext.c))
