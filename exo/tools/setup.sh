#!/bin/sh
# Installs the Debian packages that the build and the tests need, or says exactly what to type.
#
#   setup.sh [FURTHER PACKAGE...]
set -eu

packages="gcc g++ libc6-dev make python3 clang qemu-system-x86 libcmocka-dev graphviz cpio
          busybox-static pkgconf xz-utils patch dpkg-dev curl e2fsprogs clang-format cppcheck iproute2 git musl-dev musl-tools check libsubunit-dev iperf3 $*"

say() {
    echo "setup: $*" >&2
}

is_installed() {
    test "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    say "this is not a Debian machine; install the equivalents of these packages by hand:"
    say $packages
    say "then: mkdir -p build && touch build/.setup"
    exit 1
fi

missing=
for package in $packages; do
    is_installed "$package" || missing="$missing $package"
done
if [ -z "$missing" ]; then
    say "all packages are there"
    exit 0
fi

if [ "$(id -u)" = 0 ]; then
    root=env
elif sudo -n true 2>/dev/null; then
    root="sudo -n env"
else
    say "packages are missing; type: sudo apt-get install$missing"
    exit 1
fi

install() {
    $root DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >&2
}

say "installing:$missing"
$root apt-get update >&2 || say "apt-get update failed; trying with the lists at hand"
if ! install $missing; then
    # One by one, to be able to say which.
    for package in $missing; do
        is_installed "$package" || install "$package" || say "cannot install package '$package'"
    done
fi
for package in $missing; do
    if ! is_installed "$package"; then
        say "package '$package' is missing and apt-get could not install it (its reason is above)"
        exit 1
    fi
done
