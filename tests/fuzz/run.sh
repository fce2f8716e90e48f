#!/bin/sh
# run.sh TARGET SECONDS: libFuzzer (clang) with ASan and UBSan on one target,
# from its corpus. New inputs stay in build/fuzz/new/TARGET, a finding in
# build/fuzz/crash-*: make it a corpus file, then fix.
set -eu
t=$1 seconds=$2
flags='-O1 -g -DLLMUX_TEST -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
[ -f "tests/fuzz/fuzz_$t.c" ] || {
    echo "fuzz: no target $t; there are:" \
        "$(ls tests/fuzz/fuzz_*.c | sed 's/.*fuzz_//; s/\.c//' | tr '\n' ' ')" >&2
    exit 2
}
sh tests/variant.sh fuzz clang "$flags" > build/fuzz.log 2>&1 || {
    cat build/fuzz.log >&2
    exit 1
}
cd build/fuzz
mkdir -p new/"$t" out
# shellcheck disable=SC2086
clang -std=c11 -D_POSIX_C_SOURCE=200809L $flags -fsanitize=fuzzer -I. \
    -o out/"fuzz_$t" tests/fuzz/"fuzz_$t".c libllmux.a -lbearssl -lpthread
exec out/"fuzz_$t" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=1024 \
    -max_len=8192 -print_final_stats=1 -verbosity=0 new/"$t" \
    tests/fuzz/corpus/"$t"
