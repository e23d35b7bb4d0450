#!/bin/sh
# Makes the root file system of `make run`: busybox under the names of its commands, programs of ours, and
# the few files that a shell looks for.
#
#   make_root.sh FOLDER PROGRAM...
set -eu

root=$1
shift
rm -rf "$root"
mkdir -p "$root/bin" "$root/etc" "$root/root" "$root/tmp"
chmod 1777 "$root/tmp"
if busybox=$(command -v busybox) && "$busybox" --list > /dev/null 2>&1; then
    cp "$busybox" "$root/bin/busybox"
    for name in $("$busybox" --list); do
        test -e "$root/bin/$name" || ln -s busybox "$root/bin/$name"
    done
else
    echo "root: there is no busybox on this machine, so \`make run\` has no shell" >&2
fi
for program in "$@"; do
    name=$(basename "$program" .elf)
    cp "$program" "$root/bin/$name"
done
echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
echo 'root:x:0:' > "$root/etc/group"
echo exo4 > "$root/etc/hostname"
cat > "$root/etc/profile" << 'END'
cd
PS1='exo4:\w\$ '
echo "exo4: busybox is unmodified, POSIX is a library in each process. 'exit' or Ctrl-] ends the machine."
END
touch "$root/.made"
