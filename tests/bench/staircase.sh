#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie memory=1500M cpus=2 timeout=1200
#
# What memory.high costs: anonymous memory above its first step and below the limit, no swap. The same
# work with memory.high off, with the staircase, and at a line that stays with nobody to lift it.
# Figures, no verdict; the three are taken in turns, so that they see the same machine:
#
#	tests/vm/guest --suite trixie --memory 1500M --cpus 2 tests/bench/staircase.sh

ROUNDS=${STAIRCASE_ROUNDS:-7}
PATIENCE=60
FOLDER=$(mktemp -d)

# Fills 175 MiB in pieces, computing as a compiler or a test would, and goes through it once more.
cat >"$FOLDER/work" <<'END'
#!/usr/bin/python3
import hashlib
held = []
for piece in range(165):
    held.append(bytearray(hashlib.shake_128(b"%d" % piece).digest(1 << 20)))
total = sum(sum(piece[::64]) for piece in held)
END
chmod +x "$FOLDER/work"

# The milliseconds that one session took; nothing where it did not finish.
once() {
	local before after
	before=$(date +%s%N)
	timeout -k 5 "$PATIENCE" oc-run -q --mem 200M --swap 0 "$@" -- "$FOLDER/work" \
		>>"$FOLDER/log" 2>&1 || return 0
	after=$(date +%s%N)
	echo $(((after - before) / 1000000))
}

median() {
	sort -n "$1" | sed -n "$(($(wc -l <"$1") / 2 + 1))p"
}

once --high max >/dev/null # warm
for _ in $(seq "$ROUNDS"); do
	once --high max >>"$FOLDER/off"
	once >>"$FOLDER/staircase"
done
once --high 120M --livelock-guard no --pressure none >>"$FOLDER/fixed"
once --high 120M --pressure none >>"$FOLDER/guarded"

off=$(median "$FOLDER/off")
staircase=$(median "$FOLDER/staircase")
echo "memory.high off:        $(wc -l <"$FOLDER/off") of $ROUNDS finished, median $off ms"
echo "the staircase:          $(wc -l <"$FOLDER/staircase") of $ROUNDS finished, median $staircase ms"
awk -v off="$off" -v staircase="$staircase" \
	'BEGIN { printf "ratio:                  %.2f\n", staircase / off }'
echo "--high, no guard:       $([ -s "$FOLDER/fixed" ] && echo "finished in $(cat "$FOLDER/fixed") ms" ||
	echo "not finished after $PATIENCE s")"
echo "--high, with the guard: $([ -s "$FOLDER/guarded" ] && echo "finished in $(cat "$FOLDER/guarded") ms" ||
	echo "not finished after $PATIENCE s")"
cat "$FOLDER/log"
