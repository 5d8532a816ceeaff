# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call hosttest,test_manifest,tests/host/test_manifest.c services/init/manifest.c \
    services/init/args.c $(ARGDATA_SOURCES)))
