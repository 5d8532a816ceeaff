# SPDX-License-Identifier: BSD-2-Clause
# The SDK: build/sdk with the compiler wrapper, headers, and the libraries: newlib (built and cached by
# ports/newlib) together with the system layer in this room.

SDK          := build/sdk
LIBC_OUT     := build/libc
LIBC_SOURCES := $(sort $(wildcard libc/*/*.c libc/arch/*.S) $(wildcard abi/argdata/*.c))
LIBC_CRT     := crt0 crtbegin crtend
LIBC_HEADERS := $(shell find libc/include ports/newlib/include -name '*.h' 2>/dev/null)
NEWLIB_INPUT := $(shell find ports/newlib -type f 2>/dev/null) ports/fetch

# SafeStack needs a thread's TLS, so the code that makes it goes without. The library's own code is compiled
# against the headers it will be installed with.
LIBC_FLAGS := --target=x86_64-unknown-cloudabi --sysroot=$(SDK) -isystem $(SDK)/include -std=gnu11 -O2 -g $(WARNINGS) \
    -Wno-parentheses -Wno-missing-prototypes -D__tessera__=1 -D_GNU_SOURCE -fno-builtin $(INCLUDES)
LIBC_START_FLAGS := -fno-sanitize=safe-stack -fno-stack-protector

# Members of newlib's libc.a whose functions the system layer supplies.
LIBC_REPLACED := setjmp isatty _isatty errno lock abort raise _Exit aligned_alloc reallocarray creat \
    rename sleep usleep stack_protector u_strerr execl execle execlp execv \
    execve execvp memcpy memmove mempcpy memset memchr memcmp strlen

LIBC_CALLS := build/gen/libc/calls.inc
$(LIBC_CALLS): build/gen/abi/.stamp
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sed -n 's/.*cloudabi_sys_\([a-z0-9_]*\)(.*/\1/p' build/gen/abi/cloudabi_syscalls.h | \
	    awk '{ printf "CALL(%s, %d)\n", $$1, NR - 1 }' >$@
GENERATED += $(LIBC_CALLS)

# Newlib comes out of the cache or is built into it; the stamp holds the path of its tree.
$(LIBC_OUT)/newlib.path: $(NEWLIB_INPUT)
	$(Q)mkdir -p $(@D)
	$(Q)flock $(LIBC_OUT)/newlib.lock ports/newlib/build.sh >$@.new && mv $@.new $@

$(SDK)/include/.stamp: libc/build.mk $(LIBC_OUT)/newlib.path $(LIBC_HEADERS) build/gen/abi/.stamp abi/argdata/argdata.h
	$(call say,INSTALL,$(SDK)/include)
	$(Q)rm -rf $(SDK)/include && mkdir -p $(SDK)/include/abi/argdata
	$(Q)cp -rp "$$(cat $(LIBC_OUT)/newlib.path)/include/." $(SDK)/include/
	$(Q)rm $(SDK)/include/stdatomic.h # clang's own is complete
	$(Q)sed -i '1i #include <sys/types.h>' $(SDK)/include/regex.h # whose types it uses
	$(Q)cp -rp libc/include/. $(SDK)/include/
	$(Q)cp -p build/gen/abi/cloudabi_types.h build/gen/abi/cloudabi_syscalls.h $(SDK)/include/abi/
	$(Q)cp -p abi/argdata/argdata.h $(SDK)/include/
	$(Q)cp -p abi/argdata/argdata.h $(SDK)/include/abi/argdata/
	$(Q)touch $@

LIBC_OBJECTS := $(call objects,$(LIBC_OUT)/obj,$(filter-out $(LIBC_CRT:%=libc/start/%.S),$(LIBC_SOURCES)))
$(foreach s,$(LIBC_SOURCES) $(LIBC_CRT:%=libc/start/%.S),$(eval $(call compile,$(LIBC_OUT)/obj,$(s),\
    $(CLANG) $(LIBC_FLAGS) $(if $(filter libc/start/% libc/arch/%,$(s)),$(LIBC_START_FLAGS)),$(SDK)/include/.stamp)))

# What is in the SDK's headers the compiler takes for the system's and does not note down.
$(LIBC_OBJECTS): $(SDK)/include/.stamp

$(LIBC_CRT:%=$(SDK)/lib/%.o): $(SDK)/lib/%.o: $(LIBC_OUT)/obj/libc/start/%.S.o
	$(Q)mkdir -p $(@D) && cp $< $@

$(SDK)/lib/libc.a: libc/build.mk $(LIBC_OBJECTS) $(LIBC_OUT)/newlib.path
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D) && rm -f $@
	$(Q)cp "$$(cat $(LIBC_OUT)/newlib.path)/lib/libc.a" $@.new
	$(Q)$(AR) d $@.new $(LIBC_REPLACED:%=lib_a-%.o)
	$(Q)$(AR) qcs $@.new $(LIBC_OBJECTS)
	$(Q)mv $@.new $@

$(SDK)/lib/libm.a: $(LIBC_OUT)/newlib.path
	$(Q)mkdir -p $(@D) && cp "$$(cat $<)/lib/libm.a" $@

# Compiler builtins as distributed with clang: plain functions without system calls.
$(SDK)/lib/libcompiler_rt.a:
	$(Q)mkdir -p $(@D)
	$(Q)cp "$$($(CLANG) --print-resource-dir)/lib/linux/libclang_rt.builtins-x86_64.a" $@

# Threads are in libc; -lpthread and the like must still be found.
$(SDK)/lib/libpthread.a:
	$(Q)mkdir -p $(@D) && rm -f $@ && $(AR) rcs $@

$(SDK)/bin/x86_64-tessera-cc: libc/cc.sh
	$(Q)mkdir -p $(@D) && install -m 755 $< $@
	$(Q)ln -sf "$$(command -v $(AR))" $(@D)/x86_64-tessera-ar
	$(Q)ln -sf "$$(command -v llvm-ranlib-14)" $(@D)/x86_64-tessera-ranlib
	$(Q)ln -sf "$$(command -v llvm-strip-14)" $(@D)/x86_64-tessera-strip
	$(Q)ln -sf "$$(command -v llvm-nm-14)" $(@D)/x86_64-tessera-nm

SDK_FILES += $(SDK)/include/.stamp $(SDK)/bin/x86_64-tessera-cc \
    $(addprefix $(SDK)/lib/,libc.a libm.a libcompiler_rt.a libpthread.a $(LIBC_CRT:%=%.o))
