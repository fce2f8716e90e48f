#!/bin/sh
# size.sh LLMUX: the static binary beside its budget. Fails above it.
set -eu
bin=$1
must=$((340 * 1024)) aim=$((300 * 1024)) foundation=$((256 * 1024))
n=$(wc -c < "$bin")
printf 'static binary, x86-64 musl: %d bytes\n' "$n"
printf '  must %d, aim %d, foundation alone %d\n' $must $aim $foundation
printf '  of must: %d %%; of foundation: %d %%\n' $((n * 100 / must)) \
    $((n * 100 / foundation))
size "$bin" 2>/dev/null || true
[ "$n" -le $must ]
