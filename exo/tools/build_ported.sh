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

configure_once() {
    test -f config.status || ./configure CC="$compiler" CFLAGS=-O1 "$@"
}

# Debian adds priv.c to a Makefile.am; naming it here spares automake.
build_dash() {
    configure_once
    rm -f src/dash
    objects="builtins.o init.o nodes.o signames.o syntax.o priv.o"
    make -j2 -C src all dash_LDADD="$objects" dash_DEPENDENCIES="$objects"
    made=src/dash
}

# One C file each, and what they ask for Debian's own folders.
build_lua() {
    echo '#define DEB_HOST_MULTIARCH "x86_64-linux-musl"' > src/lua5.4-deb-multiarch.h
    for file in src/*.c; do
        object=${file%.c}.o
        test "$file" = src/luac.c || test -f "$object" ||
            "$compiler" -O1 -DLUA_USE_POSIX -Isrc -c -o "$object" "$file"
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

# Debian's copy lacks the manual, whose Makefile configure asks for, and what autotools make.
build_make() {
    test -f configure || AUTOPOINT=true autoreconf -fi
    configure_once --without-guile --disable-nls
    rm -f make
    make -j2 -C lib
    make -j2 make
    made=make
}

build_sqlite3() {
    test -f Makefile || ./configure --disable-tcl
    make sqlite3.c shell.c
    test -f sqlite3.o || "$compiler" -O1 -DSQLITE_THREADSAFE=1 -DSQLITE_OMIT_LOAD_EXTENSION -c sqlite3.c
    test -f shell.o || "$compiler" -O1 -DSQLITE_OMIT_LOAD_EXTENSION -c shell.c
    "$compiler" -o sqlite3 shell.o sqlite3.o -lm
    made=sqlite3
}

build_gawk() {
    configure_once --disable-nls --disable-extensions --disable-mpfr --without-readline
    rm -f gawk
    make -j2 -C support
    make -j2 gawk
    made=gawk
}

# One program with a name for each command.
build_coreutils() {
    FORCE_UNSAFE_CONFIGURE=1 configure_once --disable-nls --disable-acl --disable-xattr --without-selinux \
        --without-gmp --disable-libcap --without-openssl --enable-single-binary=symlinks \
        --enable-no-install-program=stdbuf
    rm -f src/coreutils
    printf 'include Makefile\nheaders: $(BUILT_SOURCES)\n' | make -j2 -f - headers
    make -j2 src/coreutils
    made=src/coreutils
}

build_redis() {
    rm -f src/redis-server src/redis-cli
    make -j2 -C src CC="$compiler" MALLOC=libc USE_SYSTEMD=no OPT=-O1 LDFLAGS=-static redis-server redis-cli
    strip -o "$folder/redis-cli" src/redis-cli
    made=src/redis-server
}

# Neither zlib nor PCRE: all that is served is files, as they are.
build_nginx() {
    test -f objs/Makefile || ./configure --with-cc="$compiler" --with-cc-opt='-O1 -Wno-error' --with-threads \
        --prefix=/nginx --without-http_rewrite_module --without-http_gzip_module --with-http_dav_module
    rm -f objs/nginx
    make -j2 -f objs/Makefile
    made=objs/nginx
}

echo "  BUILD   $folder/$program" >&2
# All files become equally old: nothing that a package brings ready-made is made anew.
test -d "$tree" || {
    cp -a "$source" "$tree"
    find "$tree" -exec touch -h -d 2020-01-01 {} +
}
cd "$tree"
status=0
(
    set -e # which a list with || would turn off, were it not another process
    "build_${program%-*}"
    echo "$made" > .made
) > "$log" 2>&1 &
wait $! || status=$?
test "$status" = 0 || {
    tail -n 20 "$log" >&2
    echo "$program: the build failed; the log is $log" >&2
    exit 1
}
strip -o "$folder/$program" "$(cat .made)"
