#!/bin/sh
# Every check of the text, one after the other, even when one fails: `make check`.
#
#   check.sh KERNEL-SOURCE...
set -u

failed=
check() {
    name=$1
    shift
    "$@" || failed="$failed $name"
}

check_format() {
    git ls-files -z '*.c' '*.h' | xargs -0 -n 1 -P 2 sh -c '
        clang-format --dry-run -Werror "$0" 2>/dev/null || { echo "$0: not as .clang-format says"; exit 1; }' &&
        echo "format: as .clang-format says" || { echo "make format rewrites them"; return 1; }
}

check_manual() {
    mkdir -p build
    python3 exo/tools/gen_abi.py . > build/manual.md && echo "manual: build/manual.md"
}

# Pointer arithmetic between symbols of the linker script is the usual way to get a size.
check_statically() {
    cppcheck --quiet --std=c11 --language=c --platform=unix64 --enable=warning,portability \
        --inline-suppr --error-exitcode=1 --suppress=missingInclude \
        --suppress=comparePointers --suppress=subtractPointers \
        --suppress=preprocessorErrorDirective -j 2 -I. -Iexo/arch/x86_64 -D__x86_64__ "$@" &&
        echo "cppcheck: nothing found"
}

check format check_format
check layers python3 tests/tools/check_layers.py
check manual check_manual
check text python3 tests/tools/check_text.py
check size python3 tests/tools/check_size.py
check cppcheck check_statically "$@"
if [ -n "$failed" ]; then
    echo "check: failed:$failed" >&2
    exit 1
fi
