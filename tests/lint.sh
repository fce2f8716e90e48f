#!/bin/sh
# lint.sh: rules that no compiler checks. The include graph against
# docs/design.md, forbidden symbols, floating point, sizes of lines, functions
# and files, and that README, man page and --help agree.
set -u
bad=0
say() {
    echo "lint: $*"
    bad=$((bad + 1))
}
sources=$(ls ./*.c ./*.h admin/*.[ch] dialects/*.[ch] | sed 's|^\./||')

# 1. Include graph: every own include must stand in docs/design.md's table,
# as "module: a b c" lines of the block that starts with "graph".
module() {
    case $1 in
    dialects/*) echo dialects ;;
    admin/*) echo admin ;;
    text.?) echo base ;;
    jsondoc.c) echo json ;;
    request.h | attempt.h | gate.c | reply.c | forward.c | pass.c | body.c | \
        builtin.c | translate.? | recall.?)
        echo relay ;;
    *) b=${1%.*}; b=${b##*/}; echo "${b%%_*}" ;;
    esac
}
sed -n '/^```graph/,/^```$/p' docs/design.md | grep -v '```' > /tmp/lint.$$
for f in $sources; do
    m=$(module "$f")
    for inc in $(sed -n 's/^#include "\(.*\)"/\1/p' "$f"); do
        case $f in
        */*) case $inc in
            ../*) inc=${inc#../} ;;
            *) inc=${f%/*}/$inc ;;
            esac ;;
        esac
        t=$(module "$inc")
        [ "$m" = "$t" ] && continue
        grep -q "^$m:.* $t\( \|\$\)" /tmp/lint.$$ ||
            say "$f: includes $inc: $m -> $t is not in docs/design.md"
    done
done
rm -f /tmp/lint.$$
for f in $sources; do
    case $f in
    tls.c | tls_*) ;;
    *) grep -q '<bearssl' "$f" && say "$f: only tls*.c may include bearssl.h" ;;
    esac
    case $f in
    sandbox.c) ;;
    *) grep -q '_GNU_SOURCE' "$f" && say "$f: only sandbox.c has _GNU_SOURCE" ;;
    esac
done

# 2. Symbols that must not be used, in the objects of the last build.
objects=$(ls ./*.o admin/*.o dialects/*.o 2>/dev/null)
for o in $objects; do
    for s in $(nm -u "$o" | awk '{print $2}' | sed 's/@.*//'); do
        case $s in
        printf | fprintf | sprintf | snprintf | vsnprintf | vsprintf | \
            __sprintf_chk | strcpy | strcat | strtok | atoi | atol | gets | \
            gmtime | localtime | strtod | alloca | system | popen | \
            execve | execl | execvp)
            [ "$o/$s" = admin/browser.o/execvp ] || say "$o: uses $s" ;;
        exit) [ "$o" = ./llmux.o ] || say "$o: uses exit" ;;
        esac
    done
done
grep -nE '\b(double|float|long double)\b' $sources |
    grep -vE '^[^:]+:[0-9]+:[[:space:]]*(/?\*|//)' |
    grep -vE '/\*.*\b(double|float)\b.*\*/' | while read -r l; do
    echo "lint: floating point: $l"; done | grep . && bad=$((bad + 1))

# 3. Sizes: file 1,000 lines, function 80, line 100 columns (tab = 8).
for f in $sources tests/*.[ch] tests/fuzz/*.c tests/bench/*.c; do
    [ -f "$f" ] || continue
    n=$(wc -l < "$f")
    [ "$n" -le 1000 ] || say "$f: $n lines"
    expand "$f" | awk -v f="$f" 'length($0) > 100 {
        print "lint: " f ":" NR ": " length($0) " columns"; n++ }
        END { exit n > 0 }' || bad=$((bad + 1))
    grep -nE '[ 	]+$' "$f" | head -3 | grep . && say "$f: blanks at line end"
done
for f in $sources; do
    awk -v f="$f" '/^\{/ { start = NR } /^\}/ { if (start &&
        NR - start - 1 > 80) { print "lint: " f ":" start ": function of " \
        NR - start - 1 " lines"; n++ } start = 0 } END { exit n > 0 }' \
        "$f" || bad=$((bad + 1))
    head -1 "$f" | grep -q 'SPDX-License-Identifier: MIT' ||
        say "$f: no SPDX line"
done

# 4. Commands and keys: code, man page and README agree.
for c in $(./llmux --help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
    grep -q "llmux $c" README.md || say "README.md: command $c is missing"
    grep -q "^\.It Cm $c\|^\.Cm $c\|\.Ic $c" llmux.8 ||
        say "llmux.8: command $c is missing"
done
for k in $(./llmux check --keys | awk '{ print $2 }' | sort -u); do
    grep -q "\b$k\b" llmux.8 || say "llmux.8: key $k is missing"
done
if command -v mandoc > /dev/null; then
    mandoc -Tlint -W warning llmux.8 | grep . && say "llmux.8: mandoc"
fi
if command -v shellcheck > /dev/null; then
    shellcheck -S warning tests/*.sh tests/*/*.sh packaging/*.sh .ci/run ||
        say "shellcheck"
fi
[ $bad -eq 0 ] && echo "lint: clean"
[ $bad -eq 0 ]
