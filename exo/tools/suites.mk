# Conformance suites of others: each one a program of all its tests, linked as programs of the SDK are.
SUITES              := build/suites
POSIX_TESTS_SOURCE  := build/src/posixtestsuite-1.5.2
POSIX_TESTS_STAMP   := $(POSIX_TESTS_SOURCE)/.exo4-unpacked
POSIX_TESTS         := $(SUITES)/posixtests

$(POSIX_TESTS_STAMP): exo/tools/fetch_source.sh exo/tools/sources.sha256 | $(SETUP)
	@sh exo/tools/fetch_source.sh posixtestsuite 1.5.2-8 $(POSIX_TESTS_SOURCE)

# Some of the tests rely on headers that include others, as glibc's did then.
SUITE_HEADERS  := stdarg.h stdlib.h errno.h fcntl.h unistd.h pthread.h semaphore.h
SUITE_COMPILER  = gcc -std=gnu99 -w -O0 -fno-pie -fno-stack-protector -mno-avx -D_GNU_SOURCE -nostdinc \
    -isystem $(abspath $(MUSL)/include) -isystem $(shell gcc -print-file-name=include) -I$(abspath $(POSIX_TESTS_SOURCE)/include) -I$(CURDIR) \
    $(addprefix -include ,$(SUITE_HEADERS))

$(SUITES)/libposixtests.a: tests/suites/build_suite.py tests/suites/suite.h exo/tools/suites.mk $(MUSL_LIBC) \
        $(POSIX_TESTS_STAMP)
	@echo "  SUITE   $@"
	@python3 $< --source $(POSIX_TESTS_SOURCE)/conformance --objects $(SUITES)/posixtests.d --archive $@ \
	    --libc $(MUSL_LIBC) --cc '$(SUITE_COMPILER)' 'interfaces/*/*-*.c' 'behavior/*/*.c'

$(POSIX_TESTS): tests/suites/suite_run.c $(SUITES)/libposixtests.a $(SDK_STAMP)
	@echo "  LINK    $@"
	@$(SDK)/bin/exo4-cc -std=gnu11 -O2 -Wall -Wextra -Werror -s -I. $< $(SUITES)/libposixtests.a -o $@

test-suites-run: $(IMAGE) $(POSIX_TESTS)
	@$(call recorded,env PYTHONPATH=exo/tools:tests/tools python3 tests/suites/test_suites.py)
test-suites: test-suites-run                ## The conformance suites alone: which tests pass, and why others do not.
	$(end_with_status)

.PHONY: test-suites test-suites-run
