#!/bin/sh
# all.sh SECONDS: every fuzz target for so long, one after the other. Closing
# line: "N passed, N failed".
set -u
passed=0 failed=0
mkdir -p build
for f in tests/fuzz/fuzz_*.c; do
    t=${f##*/fuzz_}
    t=${t%.c}
    if sh tests/fuzz/run.sh "$t" "$1" > build/fuzz-"$t".log 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL fuzz $t"
        tail -40 build/fuzz-"$t".log
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
