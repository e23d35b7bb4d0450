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

# lwIP's own unit tests: its sources, with the view of the compiler that the family's sockets have, and the tests' options,
# which they insist on. Debian's patches leave some names to the headers of a C library that its sockets are for.
LWIP_TESTS         := $(SUITES)/lwip_unittests
LWIP_TESTS_FOLDER  := $(LWIP_SOURCE)/test/unit
LWIP_TESTS_FLAGS   := -O1 -g -w -fsanitize=address -iquote . -I$(SUITES)/lwip -I$(LWIP_TESTS_FOLDER) -Ilibos-posix/inet/include \
    -I$(LWIP_SOURCE)/src/include -include errno.h -include sys/time.h -DLWIP_TIMEVAL_PRIVATE=0 '-DIP4ADDR_SOCKADDR_SET_LEN(a)=' '-DIP6ADDR_SOCKADDR_SET_LEN(a)=' \
    '-DIPADDR_SOCKADDR_GET_LEN(a)=((a)->sa.sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6))'
LWIP_TESTS_SOURCES := $(addprefix $(LWIP_SOURCE)/src/,core/*.c core/ipv4/*.c core/ipv6/*.c api/*.c netif/ethernet.c \
    apps/mdns/mdns.c apps/mqtt/mqtt.c) $(LWIP_TESTS_FOLDER)/*.c $(LWIP_TESTS_FOLDER)/*/*.c tests/suites/lwip/random.c

$(LWIP_TESTS): exo/tools/suites.mk tests/suites/lwip/random.c $(INET_HEADERS) $(LWIP_STAMP) | $(SETUP)
	@echo "  SUITE   $@"
	@mkdir -p $(SUITES)/lwip
	@touch $(SUITES)/lwip/config.h
	@gcc $(LWIP_TESTS_FLAGS) $(LWIP_TESTS_SOURCES) $$(pkg-config --libs check) -lpthread -o $@
