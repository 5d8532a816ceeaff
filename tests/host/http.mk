# SPDX-License-Identifier: BSD-2-Clause
HTTP_HOST_SOURCES := apps/httpd/request.c apps/fetch/url.c
$(eval $(call hosttest,test_http,tests/host/test_http.c apps/httpd/types.c $(HTTP_HOST_SOURCES)))
$(eval $(call fuzztarget,fuzz_http,tests/fuzz/fuzz_http.c $(HTTP_HOST_SOURCES)))
