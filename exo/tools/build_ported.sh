#!/bin/sh
# Builds one of other people's programs with the SDK's compiler, in a copy of its source.
#
#   build_ported.sh PROGRAM STAMP COMPILER FOLDER
#
# STAMP is a file in the source's folder. A copy that was built before is only linked again.
set -eu

program=$1 source=$(cd "$(dirname "$2")" && pwd) folder=$4
compiler=$(cd "$(dirname "$3")" && pwd)/$(basename "$3")
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
tree=$folder/$program.d log=$folder/$program.log
unset MAKEFLAGS MFLAGS MAKELEVEL CMD ROOT VIA

build_dash() {
    test -f config.status || ./configure CC="$compiler" CFLAGS=-O2
    rm -f src/dash
    make -j2
    made=src/dash
}

# One C file each, and what they ask for Debian's own folders.
build_lua() {
    echo '#define DEB_HOST_MULTIARCH "x86_64-linux-musl"' > src/lua5.4-deb-multiarch.h
    for file in src/*.c; do
        object=${file%.c}.o
        test "$file" = src/luac.c || test -f "$object" ||
            "$compiler" -O2 -DLUA_USE_POSIX -Isrc -c -o "$object" "$file"
    done
    "$compiler" -o src/lua src/*.o -lm
    made=src/lua
}

build_tcc() {
    test -f config.mak || ./configure --cc="$compiler" --extra-ldflags=-static --config-musl --config-backtrace=no
    rm -f tcc
    make -j2 tcc libtcc1.a
    made=tcc
}

echo "  BUILD   $folder/$program" >&2
test -d "$tree" || cp -a "$source" "$tree"
cd "$tree"
"build_$program" > "$log" 2>&1 || {
    tail -n 20 "$log" >&2
    echo "$program: the build failed; the log is $log" >&2
    exit 1
}
strip -o "$folder/$program" "$made"
