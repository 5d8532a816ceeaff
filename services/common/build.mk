# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call library,common,$(addprefix services/common/,log.c line.c line_keys.c)))
