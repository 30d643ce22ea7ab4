#!/bin/sh
# small-dev.sh FOLDER: mount a /dev there that has what programs want and nothing of this computer's own. What is deleted in it is
# deleted nowhere else.
set -eu
mount -t tmpfs -o mode=755,nosuid,noexec,size=256m tmpfs "$1"
for one in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "$1/${one%:*}" c 1 "${one#*:}"
done
mknod -m 666 "$1/tty" c 5 0
mkdir -m 1777 "$1/shm"
mkdir "$1/pts"
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$1/pts"
ln -s pts/ptmx "$1/ptmx"
ln -s /proc/self/fd "$1/fd"
for one in 0:stdin 1:stdout 2:stderr; do
    ln -s "/proc/self/fd/${one%:*}" "$1/${one#*:}"
done
