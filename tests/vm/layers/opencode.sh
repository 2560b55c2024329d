#!/bin/sh
# SPDX-License-Identifier: MIT
# opencode 1.1.56 and the newest, from npm by way of the end-to-end tests' installer:
#	/opt/opencode-VERSION, and `opencode` (the newest) and `opencode-old` on PATH
set -eu
root=$1
here=$(dirname "$0")
cache=${OC_RUN_TEST_CACHE:-$HOME/.cache/oc-run-tests}

mkdir -p "$cache"
# tests/stages may be installing for the end-to-end tests at this moment.
flock "$cache/install.lock" "$here/../../e2e/install"
old=$(sed -n 1p "$cache/versions")
new=$(sed -n 2p "$cache/versions")
for version in "$old" "$new"; do
	cp -a "$cache/opencode-$version" "$root/opt/"
	chown -R 0:0 "$root/opt/opencode-$version"
done
ln -s "/opt/opencode-$new/bin/opencode" "$root/usr/local/bin/opencode"
ln -s "/opt/opencode-$old/bin/opencode" "$root/usr/local/bin/opencode-old"
cp "$cache/versions" "$root/opt/opencode-versions"
