#!/bin/sh
# Builds musl as a static library from an untouched source tree and an overlay, mirrored by path.
#
#   build_musl.sh SOURCE OVERLAY PREFIX
set -eu

source=$1 overlay=$2 prefix=$3
if [ ! -d "$overlay" ]; then
    echo "musl: the overlay $overlay is missing, so nothing can be linked against musl" >&2
    exit 1
fi
mkdir -p "$prefix"
source=$(cd "$source" && pwd) overlay=$(cd "$overlay" && pwd) prefix=$(cd "$prefix" && pwd)
tree=$prefix/tree log=$prefix/build.log

rm -rf "$tree"
cp -rs "$source" "$tree"
cd "$overlay"
find . -type f ! -name '*.md' ! -name '*.mk' | while read -r file; do
    if [ ! -e "$tree/$file" ]; then
        echo "musl: the overlay has $file, which musl has not" >&2
        exit 1
    fi
    ln -sf "$overlay/$file" "$tree/$file"
done

cd "$tree"
echo "musl: configuring and building (under a minute); log: $log" >&2
{
    ./configure --prefix="$prefix" --disable-shared CFLAGS="-O2 -fno-stack-protector" &&
        make -j2 MAKEFLAGS= && make install MAKEFLAGS=
} > "$log" 2>&1 || {
    tail -n 20 "$log" >&2
    echo "musl: the build failed; the log is $log" >&2
    exit 1
}
touch "$prefix/lib/libc.a"
