# SPDX-License-Identifier: BSD-2-Clause
# Checks of the text itself. Each part can be run alone.

LINT_ROOMS  := abi kernel pseudofd libc drivers services apps tests
LINT_FILES   = $(sort $(shell git ls-files --cached --others --exclude-standard -- \
               $(foreach r,$(LINT_ROOMS),'$(r)/*.c' '$(r)/*.h')))

.PHONY: lint lint-format lint-deps lint-check lint-text format
##@ Checking
lint: lint-format lint-deps lint-check lint-text ## format, who may include whom, cppcheck, licence lines

lint-format:
	$(call say,FORMAT,$(words $(LINT_FILES)) files)
	$(Q)[ -z "$(LINT_FILES)" ] || clang-format-14 --dry-run -Werror $(LINT_FILES)

# The rules of docs/architecture.md, read from the dependency files that the compiler wrote.
lint-deps: kernel user host
	$(call say,DEPS,build)
	$(Q)$(PYTHON) tools/lint_deps.py

CPPCHECK := cppcheck --quiet --std=c11 --platform=unix64 --library=posix --error-exitcode=1 -j2 \
    --enable=warning,portability --inline-suppr --suppressions-list=tools/cppcheck.txt \
    --cppcheck-build-dir=build/cppcheck -I. -Ibuild/gen

lint-check: | generated
	$(call say,CHECK,cppcheck)
	$(Q)mkdir -p build/cppcheck
	$(Q)$(CPPCHECK) $(filter-out tests/%,$(filter %.c,$(LINT_FILES)))

lint-text:
	$(call say,TEXT,licence lines)
	$(Q)$(PYTHON) tools/lint_text.py

format: ## put all C files into the house format
	$(Q)[ -z "$(LINT_FILES)" ] || clang-format-14 -i $(LINT_FILES)
