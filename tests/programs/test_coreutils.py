#!/usr/bin/env python3
"""GNU coreutils on exo4: many of its commands on files, links, times, permissions, text and numbers, as on Linux."""
import pathlib
import subprocess
import tempfile

import beside_linux
from tap_print import check, done

SCRIPT = r"""
export LC_ALL=C TZ=UTC0; umask 022; cd /tmp; mkdir -p d/e/f; cd d
seq 1 3000 | tee numbers | sha512sum; b2sum numbers; cksum numbers; md5sum numbers | md5sum -c -; wc numbers
sort -R --random-source=numbers numbers | sort -g | cmp - numbers && echo sorted; shuf -i 1-100 | sort -n | paste -sd+ | wc -c
split -l 700 numbers part-; ls; cat part-* | cmp - numbers; csplit -s -z numbers '/00$/' '{5}'; wc -l xx*
head -n -2990 numbers | tac | tr '\n' ' '; tail -c 9 numbers | od -An -tx1z; cut -c2- numbers | uniq -c | sort -rn | head -n 3
printf '%s\n' 'b 1' 'a 2' | sort | join - part-aa; comm -12 part-aa part-aa | wc -l; nl -ba -w3 part-ae | tail -n 2; fmt -w 30 part-ae | head -n 2
expand -t 4 <<X
	tab	and	tab
X
pr -l 20 -h head -D date numbers | head -n 12; fold -w 7 numbers | head -n 3; factor 1234567890123 360; expr 7 \* 6; numfmt --to=iec 1048576000
base64 numbers | tail -n 1; base32 part-ae | basenc -d --base32 | tail -n 1; ptx -w 20 part-ae | head -n 2; tsort <<X
a b b c a c
X
cp -a part-aa e/f/copy; cp --reflink=auto -p numbers e/two; ln numbers e/hard; ln -sr numbers e/f/soft; ls -lG --time-style=+%s -d e/hard | cut -c1-22
readlink -f e/f/soft; realpath --relative-to=e numbers; stat -c '%n %s %h %F %a' numbers e/f/soft e/hard; mv -v part-ab e/moved; mv -n part-ac e/moved; ls part-ac
touch -d '2020-02-29 12:34:56.789' e/two; date -r e/two +%FT%T.%N; stat -c %y e/two; chmod -v u=rw,g-r,o+x e/two; install -m 700 numbers e/bin; stat -c %a e/bin e/two
truncate -s 100000 hole; dd if=numbers of=hole bs=1000 seek=50 count=2 conv=notrunc status=none; du --apparent-size -b hole; sum hole; dd if=hole bs=1k skip=50 count=2 2> /dev/null | sum
mkfifo fifo; (cat numbers > fifo &); wc -c < fifo; mktemp -d -p . -u XX-XXXX | wc -c; rm -v e/f/soft; rm e; echo "refused $?"; rmdir e/f 2>&1; find . | sort | sha1sum
timeout 0.2 sleep 10; echo "timed out $?"; timeout -s KILL 0.2 sleep 10; echo "killed $?"; nice -n 30 nice; env -i A=1 env; nohup echo nohup 2> /dev/null
test -w numbers -a ! -e none && echo true; [ 3 -lt 2 ] || echo false; printf '%05.1f %s %b\n' 3.14159 x 'y\tz'; echo -e 'a\x41'; yes | head -n 20000 | wc -c
id -u; whoami; groups; tty; pwd -P; basename /a/b.c .c; dirname /a/b/c; pathchk -p 'bad name'; echo "$?"; nproc --all > /dev/null; uname -sm; arch; sync numbers; sleep 0.01
chown 12:34 part-ad; stat -c %u:%g part-ad; ls -la /none; cat /none d; cp numbers /none/x; mkdir d d/g/h; ln numbers e/hard; rm -rf /tmp/d/e; ls -1sF --block-size=1 | wc -l
dircolors -b | wc -l; stty 2>&1 | head -c 10; tee /none/x < part-ae; uniq -D xx00; seq -s, -w 8 11; unlink hole; shred -u -n 1 numbers; vdir | wc -l
mkdir -p jail/bin; cp /bin/busybox jail/bin/sh; chroot jail /bin/sh -c 'echo /* *; pwd; cd ..; echo *; echo /../..'; chroot none; echo "$?"; ls -d jail
"""


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-coreutils-") as folder:
        root = pathlib.Path(folder) / "root"
        beside_linux.make_root(root, "coreutils", "dash")
        listed = subprocess.run([root / "bin/coreutils", "--help"], capture_output=True, check=True, text=True).stdout
        for name in listed.split("Built-in programs:")[1].split("Use:")[0].split():
            (root / "bin" / name).unlink(missing_ok=True)
            (root / "bin" / name).symlink_to("coreutils")
        (root / "etc").mkdir()
        (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\n")
        (root / "script").write_text(SCRIPT)
        want = beside_linux.same(root, "/bin/dash /script", "a hundred commands")
        end = beside_linux.on_exo4(root, "/bin/df --output=source,target,fstype,size")
        check(end.returncode == 0 and end.stdout.split()[-4:-1] == [b"rootfs", b"/", b"rootfs"],
              "df tells of the file system of RAM", end)
        check(want[0] == 0 and want[1].count(b"\n") > 150, "on Linux they ran", want)
    done()


main()
