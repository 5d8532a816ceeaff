# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call library,pseudofd,$(wildcard pseudofd/server/*.c)))
