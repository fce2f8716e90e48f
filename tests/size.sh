#!/bin/sh
# size.sh LLMUX: the static binary beside its budget. The budget is exceeded
# since accounts and translation came in; until it is met again this fails on
# any growth over `most`, which may only be lowered.
set -eu
bin=$1
must=$((340 * 1024)) aim=$((300 * 1024)) foundation=$((256 * 1024))
most=484000
n=$(wc -c < "$bin")
printf 'static binary, x86-64 musl: %d bytes\n' "$n"
printf '  must %d, aim %d, foundation alone %d\n' $must $aim $foundation
printf '  of must: %d %%; of foundation: %d %%\n' $((n * 100 / must)) \
    $((n * 100 / foundation))
size "$bin" 2>/dev/null || true
[ "$n" -le $must ] || printf '  OVER the budget by %d bytes (limit now: %d)\n' \
    $((n - must)) $most
[ "$n" -le $most ]
