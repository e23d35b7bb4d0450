#!/bin/sh
# Runs commands of a static busybox under posix-run and under Linux (in a chroot) and compares
# output and exit status. Needs root for chroot. 
# usage: differ.sh POSIX_RUN BUSYBOX
set -u
run=$(realpath "$1")
busybox=$2
chroot=$(command -v chroot || echo /usr/sbin/chroot)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/bin" "$work/root/tmp" "$work/root/d/sub"
cd "$work/root" || exit 2
cp "$busybox" bin/busybox
seq 1 3000 | awk '{ print ($1 * 7919) % 10007, $1 }' > numbers
head -c 300000 bin/busybox > binary
printf 'one\ntwo\nthree\n' > d/text
printf '#!/bin/busybox sh\necho script "$0" "$@"\n' > d/script
chmod 755 d/script
ln -s text d/link
ln -s ../d/sub d/dir
ln -s loop d/loop
ln d/text d/hard
find . | cpio -o -H newc --quiet > ../root.cpio
cd ..
cp root/d/text input

same=0
wrong=0
while IFS= read -r line; do
    [ -n "$line" ] || continue
    filter=cat
    case $line in '~'*) # the order of names in a directory is the file system's own
        filter=sort
        line=${line#\~} ;;
    esac
    rm -rf root
    mkdir root
    (cd root && cpio -idm --quiet < ../root.cpio)
    (
        eval "env -i PATH=/bin:/usr/bin HOME=/ $chroot root /bin/busybox $line"
        echo "status $?"
    ) < input 2>&1 | $filter > want
    (
        eval "$run root.cpio /bin/busybox $line"
        echo "status $?"
    ) < input 2>&1 | $filter > got
    if cmp -s want got; then
        same=$((same + 1))
    else
        wrong=$((wrong + 1))
        echo "differs: busybox $line"
        diff want got | head -10
    fi
done << 'COMMANDS'
sha256sum /binary /numbers /d/text
md5sum /d/text /missing
ls -l /d
ls -lR /d
ls /d/dir/ /d/loop/x
cat /d/text /d/link /d/hard
cat
cat /d
wc /numbers /binary
sort -n /numbers
sort -r /d/text -o /tmp/out
head -n 3 /numbers
tail -n 3 /numbers
tail -c 100 /numbers
cut -d ' ' -f 2 /numbers
grep -c 7 /numbers
~grep -rn two /d
sed -n '2,5p' /numbers
sed -i 's/one/1/' /d/text
awk '{ s += $1 } END { print s }' /numbers
tr a-z A-Z
uniq -c /d/text
od -c /d/text
hexdump -C /d/text
~find / -xdev -name text
~find /d -type l
stat -c '%n %s %f %h' /d/text /d/link
stat -L -c '%n %s %F' /d/link /d
~du -a /d
readlink /d/link
readlink -f /d/dir/../link
realpath /d/dir
test -x /d/script
test -w /d/text
test -d /d/loop
pwd
basename /a/b
dirname /a/b
echo hello world
printf '%05d %s\n' 42 x
seq 5
expr 3 + 4
factor 123456789
cksum /numbers
diff /d/text /d/hard
cmp /numbers /binary
cp /numbers /tmp/copy
cp -a /d /tmp/d
mv /d/text /tmp/moved
rm /missing
rm -r /d/sub
mkdir -p /tmp/a/b/c
mkdir /d
rmdir /d
touch /tmp/new
ln -s x /tmp/y
ln /d/text /tmp/z
dd if=/numbers of=/tmp/dd bs=100 count=7
split -l 1000 /numbers /tmp/part
gzip -c /d/text
gzip -k /tmp/none
tar -cf /tmp/t.tar -C /d text link
tar -cf - -C / d/text
unzip -l /numbers
xargs echo
tee /tmp/tee
true
false
sh -c 'echo $((6 * 7)); cd /d; pwd; exit 3'
sh -c 'echo a > /tmp/f; echo b >> /tmp/f; read x < /tmp/f; echo $x; [ -f /tmp/f ] && echo yes'
sh -c 'exec 3< /d/text; read a <&3; read b <&3; echo $b $a'
sh -c 'set -C; echo x > /tmp/q; echo y > /tmp/q'
sh -c 'trap "echo caught" TERM; kill -TERM $$; echo after'
sh -c 'trap "echo bye" EXIT; exit 4'
sh -c 'umask 027; umask; : > /tmp/m; test -f /tmp/m && echo made'
sh -c 'for i in /d/*; do echo $i; done'
sh -c 'trap "" TERM; kill -TERM $$; echo lives'
sh /d/script one two
id -u
uname -s -m
env
nice
usleep 1000
sleep 0
timeout -h
base64 /d/text
bc -e 1
crc32 /numbers
nl /d/text
paste /d/text /d/hard
rev /d/text
tac /d/text
shuf -n 0 /numbers
strings /d/script
sum /numbers
truncate -s 100 /tmp/big
fold -w 10 /d/script
comm /d/text /d/hard
vi --help
which busybox
getopt ab -a -b
chmod 600 /d/text
chown 1:2 /d/text
sh -c 'busybox seq 1 100 | busybox sort -rn | busybox head -3'
sh -c 'trap "echo caught" USR1; kill -USR1 $$; echo after'
sh -c 'busybox yes | busybox head -n 2'
COMMANDS
echo "$same same, $wrong different"
[ "$wrong" -eq 0 ]
