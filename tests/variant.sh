#!/bin/sh
# variant.sh NAME CC CFLAGS [LDFLAGS]: build and check a copy of the tree with
# other flags, in build/NAME. The copy keeps times, so only what changed is
# compiled again.
set -eu
name=$1 cc=$2 cflags=$3 ldflags=${4-}
top=$(pwd)
dir=$top/build/$name
mkdir -p "$dir"
rm -rf "$dir/tests" # a file that is gone here must be gone there
tar cf - --exclude=./build --exclude=./.git --exclude='*.o' --exclude='*.d' \
    --exclude=./llmux --exclude='*.a' --exclude=node_modules . |
    (cd "$dir" && tar xf -)
cd "$dir"
flags="$cc|$cflags|$ldflags"
if [ "$(cat flags 2>/dev/null || true)" != "$flags" ]; then
    rm -f ./*.o ./*/*.o llmux libllmux.a
    printf '%s' "$flags" > flags
fi
jobs=$(nproc 2>/dev/null || echo 1)
case $name in
static)
    make -j"$jobs" CC="$cc" CFLAGS="$cflags" LDFLAGS="$ldflags" \
        BEARSSL_INC="-isystem $dir/inc" BEARSSL_LIB="$dir/libbearssl.a" llmux
    ;;
stack)
    make -j"$jobs" CC="$cc" CFLAGS="$cflags" llmux
    sh tests/stack.sh ./llmux
    ;;
cover)
    make -j"$jobs" CC="$cc" CFLAGS="$cflags" llmux libllmux.a
    VARIANT=$name make CC="$cc" CFLAGS="$cflags" check-here || true
    for f in *.gcno admin/*.gcno dialects/*.gcno; do
        gcov -n -o "${f%/*}" "${f%.gcno}.c" 2>/dev/null | sed -n '1,2p' |
            tr '\n' ' ' | sed "s/File '\(.*\)' Lines executed:/\1 /; s/ of / of lines: /"
        echo
    done | sort -u
    ;;
fuzz)
    make -j"$jobs" CC="$cc" CFLAGS="$cflags" libllmux.a
    ;;
*)
    make -j"$jobs" CC="$cc" CFLAGS="$cflags" LDFLAGS="$ldflags" \
        llmux libllmux.a
    VARIANT=$name make CC="$cc" CFLAGS="$cflags" LDFLAGS="$ldflags" \
        check-here
    ;;
esac
