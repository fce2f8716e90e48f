#!/bin/sh
# run.sh CC LIBS UNITS FUZZ: everything that `make check` runs, in the
# directory of one variant, against its llmux and libllmux.a. Closing line:
# "N passed, N failed". Each program has a time limit.
set -u
cc=$1 libs=$2 units=$3 fuzz=$4
variant=${VARIANT:-check}
passed=0 failed=0
mkdir -p out
limit=120
[ "$variant" = check ] || limit=400

# case NAME COMMAND...: passes when it exits 0 and says nothing on stderr.
case_() {
    name=$1
    shift
    if timeout $limit "$@" > out/log 2> out/err && [ ! -s out/err ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $name"
        head -c 4000 out/log
        head -c 4000 out/err
    fi
}

build() { # OUT SOURCE...
    out=$1
    shift
    # shellcheck disable=SC2086
    $cc -I. -o "$out" "$@" libllmux.a $libs
}

for u in $units; do
    [ -f "tests/test_$u.c" ] || continue
    if build "out/test_$u" "tests/test_$u.c"; then
        case_ "test_$u" "out/test_$u"
    else
        failed=$((failed + 1))
        echo "FAIL test_$u: does not build"
    fi
done
for f in $fuzz; do
    [ -f "tests/fuzz/fuzz_$f.c" ] || continue
    if build "out/fuzz_$f" "tests/fuzz/fuzz_$f.c" tests/fuzz/main.c; then
        case_ "fuzz_$f corpus" "out/fuzz_$f" "tests/fuzz/corpus/$f"
    else
        failed=$((failed + 1))
        echo "FAIL fuzz_$f: does not build"
    fi
done

# Suites count their cases themselves, in a last line "N passed, N failed".
suite() {
    name=$1
    shift
    timeout 900 "$@" > out/log 2> out/err
    code=$?
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' out/log | tail -1)
    p=$(echo "$line" | sed 's/ passed.*//')
    f=$(echo "$line" | sed 's/.* passed, //; s/ failed.*//')
    if [ -z "$line" ] || [ $code -ne 0 ] || [ -s out/err ]; then
        echo "FAIL $name (exit $code)"
        grep -v '^PASS' out/log | head -c 8000
        head -c 4000 out/err
        [ -n "$line" ] && [ "$f" -gt 0 ] || f=1
    fi
    passed=$((passed + ${p:-0}))
    failed=$((failed + ${f:-1}))
}

if build out/replay tests/replay.c; then
    suite transcripts out/replay ./llmux tests/cases
else
    failed=$((failed + 1))
    echo "FAIL transcripts: tests/replay.c does not build"
fi
suite cli sh tests/cli.sh ./llmux
suite lan sh tests/lan.sh ./llmux
suite accounts python3 tests/accounts.py ./llmux
[ "$variant" = alloc ] && suite torture python3 tests/torture.py ./llmux
[ "$variant" = tsan ] || suite tls sh tests/tls_peers.sh "$cc" "$libs"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
