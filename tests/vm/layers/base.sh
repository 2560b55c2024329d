#!/bin/sh
# SPDX-License-Identifier: MIT
# Every guest: the user `dev`, the unit that runs the tests, nothing that wakes up by itself.
set -eu
root=$1

chroot "$root" useradd --create-home --uid 1000 --shell /bin/bash dev
chroot "$root" passwd --quiet --delete dev
echo 'dev ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/dev"
chmod 440 "$root/etc/sudoers.d/dev"
printf '[user]\n\tname = Dev\n\temail = dev@example.org\n' >"$root/etc/gitconfig"

echo guest >"$root/etc/hostname"
printf '127.0.0.1 localhost guest\n' >"$root/etc/hosts"
printf 'LABEL=root / ext4 noatime 0 1\n' >"$root/etc/fstab"
: >"$root/etc/machine-id"

# Where the build binds the checkout and its build folder.
mkdir "$root/src" "$root/build"

chroot "$root" systemctl --quiet enable oc-tests.service
chroot "$root" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer \
	dpkg-db-backup.timer e2scrub_all.timer fstrim.timer e2scrub_reap.service \
	systemd-networkd-wait-online.service
