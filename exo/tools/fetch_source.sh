#!/bin/sh
# Fetches one pinned Debian source package, checks every file's SHA-256, unpacks it with Debian's
# patches.
#
#   fetch_source.sh PACKAGE VERSION FOLDER
#
# The files come from build/src when they are there already (put them there by hand on a machine
# without network), else through apt-get, with a private configuration made from this machine's own
# Debian sources: nothing outside build/ is changed, and no address stands in this tree.
set -eu

package=$1 version=$2 folder=$3
tools=$(cd "$(dirname "$0")" && pwd)
pinned=$tools/*.sha256 # libraries, and other people's programs
store=$(dirname "$folder")
release=bookworm # the Debian release that carries the pinned versions

fail() {
    echo "fetch: $*" >&2
    exit 1
}

# The pinned lines of this package, "sum  name".
pinned_lines() {
    grep -h -E "  ${package}_" $pinned
}

all_there() {
    for name in $(pinned_lines | cut -d' ' -f3); do
        test -f "$store/$name" || return 1
    done
}

# Turns both formats of apt sources on standard input into deb-src lines of the one release.
# Only Debian's own archives: a component "main", and "debian" in the address or the keyring.
source_lines() {
    awk -v release="$release" '
        function emit(uri, suites, parts, key,    n, i, list, suite) {
            if ((uri !~ /debian/ && key !~ /debian-archive/) || (" " parts " ") !~ / main /)
                return
            n = split(suites, list, " ")
            for (i = 1; i <= n; i++) {
                suite = list[i]
                sub(/^[a-z]+/, release, suite)
                sub(/\/updates$/, "-security", suite)
                print "deb-src " (key ? "[signed-by=" key "] " : "") uri " " suite " main"
            }
        }
        function flush_stanza(    n, i, list) {
            if (field["Types"] ~ /deb/ && field["Enabled"] !~ /no/) {
                n = split(field["URIs"], list, " ")
                for (i = 1; i <= n; i++)
                    emit(list[i], field["Suites"], field["Components"], field["Signed-By"])
            }
            delete field
            name = ""
        }
        /^[ \t]*#/ { next }
        /^[ \t]*$/ { flush_stanza(); next }
        /^deb(-src)?[ \t]/ {
            key = ""
            if (match($0, /\[[^]]*\]/)) {
                options = substr($0, RSTART + 1, RLENGTH - 2)
                $0 = substr($0, 1, RSTART - 1) substr($0, RSTART + RLENGTH)
                if (match(options, /signed-by=[^ ]+/))
                    key = substr(options, RSTART + 10, RLENGTH - 10)
            }
            uri = $2
            suite = $3
            $1 = $2 = $3 = ""
            emit(uri, suite, $0, key)
            next
        }
        match($0, /^[A-Za-z-]+:/) {
            name = substr($0, 1, RLENGTH - 1)
            field[name] = substr($0, RLENGTH + 1)
            gsub(/^[ \t]+|[ \t]+$/, "", field[name])
            next
        }
        name { field[name] = field[name] " " $0 } # a continuation line
        END { flush_stanza() }'
}

# A keyring may be a path, or a whole key inside the stanza; only a path fits into one line.
without_inline_keys() {
    sed -e 's/\[signed-by=[^/][^]]*\] //' | sort -u
}

fetch() {
    apt=$store/.apt
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    etc=${EXO4_APT_ETC:-/etc/apt}
    for file in "$etc"/sources.list "$etc"/sources.list.d/*.list "$etc"/sources.list.d/*.sources; do
        test -f "$file" || continue
        cat "$file"
        echo
    done | source_lines | without_inline_keys > "$apt/sources.list"
    test -s "$apt/sources.list" ||
        fail "no Debian archive in $etc/sources.list*; put the files of $pinned into $store"

    private="-o Dir::Etc::sourcelist=$apt/sources.list -o Dir::Etc::sourceparts=/dev/null
             -o Dir::State::lists=$apt/lists -o Dir::Cache=$apt/cache
             -o Acquire::Languages=none -o APT::Sandbox::User="
    # A list may be missing (a mirror without updates); what counts is whether the files come.
    if [ -z "$(find "$apt/updated" -mmin -60 2>/dev/null)" ]; then
        echo "fetch: reading the source lists of this machine's Debian archives" >&2
        apt-get -q $private update >&2 || echo "fetch: some lists are missing; going on" >&2
        touch "$apt/updated"
    fi
    (cd "$store" && apt-get -q $private source --download-only "$package=$version" >&2) ||
        fail "apt-get could not fetch the source of $package $version (its reason is above)"
}

check_sums() {
    pinned_lines | while read -r sum name; do
        test -f "$store/$name" || fail "$name was not delivered by apt-get"
        got=$(sha256sum "$store/$name" | cut -d' ' -f1)
        test "$got" = "$sum" ||
            fail "wrong checksum of $store/$name: got $got, pinned $sum; remove the file to retry"
    done
}

mkdir -p "$store"
store=$(cd "$store" && pwd)
pinned_lines > /dev/null || fail "$package is not in $pinned"
# One at a time: with `make -j` two packages would write the same apt configuration.
exec 9> "$store/.lock"
flock 9
all_there || fetch
check_sums
rm -rf "$folder"
echo "fetch: unpacking $package $version" >&2
dpkg-source --no-check -x "$store/${package}_${version#*:}.dsc" "$folder" > "$store/$package.log" 2>&1 || {
    cat "$store/$package.log" >&2
    fail "dpkg-source could not unpack $package"
}
touch "$folder/.exo4-unpacked"
