#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make check-clients: real clients through llmux against a strict mock upstream, loopback only.
#
# usage: run.sh [--direct] [--big | --all] [--keep] [LLMUX] [REGEX]
#	(none)		the SDKs (sdk.mjs)
#	--big		Claude Code and Codex (big.mjs), installed on demand
#	--all		both
#	--direct	the SDKs straight to a lenient mock: tests the tests, needs no llmux
#	--keep		leave the work directory (config, logs) and say where it is
#	LLMUX		the binary, a path with a slash; default: the one of this tree
#	REGEX		only the tests whose name matches
# Environment: NODE (default node, 20.11 or later), BIG_DIR (where Claude Code and Codex are
# installed, default under the directory for temporary files); ASAN_OPTIONS and TSAN_OPTIONS go to
# llmux (a leak check needs ptrace, which its sandbox forbids: detect_leaks=0).
# Packages come from npm with the versions and hashes of the lock files; no install script runs.
# Everything is bounded in time, and nothing that was started here is left running.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

START_S=15 SDK_S=600 BIG_S=1200 LIFE_S=1800 INSTALL_S=600
LLMUX=$here/../../llmux
NODE=${NODE:-node}
direct=0 sdk=1 big=0 keep=0 only=.
for arg; do
	case $arg in
	--direct) direct=1 ;;
	--big) big=1 sdk=0 ;;
	--all) big=1 ;;
	--keep) keep=1 ;;
	-*) sed -n 's/^# usage/usage/p' "$0" >&2; exit 2 ;;
	/*) LLMUX=$arg ;;
	*/*) LLMUX=$PWD/$arg ;;
	*) only=$arg ;;
	esac
done
cd "$here"

die() {
	echo "check-clients: $*" >&2
	exit 1
}

# Give back what was started, in any case.
llmux_pid='' mock_pid='' part_pid='' dir=''
finish() {
	trap - EXIT INT TERM
	[ -z "$part_pid" ] || kill "$part_pid" 2>/dev/null || :
	[ -z "$llmux_pid" ] || kill "$llmux_pid" 2>/dev/null || :
	[ -z "$mock_pid" ] || kill "$mock_pid" 2>/dev/null || :
	wait
	if [ -n "$dir" ] && [ "$keep" = 1 ]; then
		echo "kept: $dir"
	elif [ -n "$dir" ]; then
		rm -rf "$dir"
	fi
}
trap finish EXIT
trap 'exit 130' INT TERM

# install DIR: what DIR/package-lock.json says into DIR/node_modules, once.
install() {
	sum=$(cksum <"$1/package-lock.json")
	[ "$(cat "$1/node_modules/.sum" 2>/dev/null)" = "$sum" ] && return 0
	(cd "$1" && timeout "$INSTALL_S" npm ci --ignore-scripts --no-audit --no-fund \
		--loglevel=error) >"$dir/npm.log" 2>&1 || return 1
	echo "$sum" >"$1/node_modules/.sum"
}

npm_said() {
	head -n 3 "$dir/npm.log" | tr '\n' ' '
}

# A CA, and a certificate for localhost that it signed.
certificates() {
	curve="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
	# shellcheck disable=SC2086 # the words of curve are arguments
	openssl req -x509 $curve -keyout "$dir/ca.key" -out "$dir/ca.pem" -days 2 \
		-subj "/CN=check CA" -addext keyUsage=critical,keyCertSign \
		-addext basicConstraints=critical,CA:TRUE
	# shellcheck disable=SC2086
	openssl req $curve -keyout "$dir/server.key" -out "$dir/server.csr" -subj /CN=localhost
	printf '%s\n' basicConstraints=critical,CA:FALSE subjectAltName=DNS:localhost,IP:127.0.0.1 \
		keyUsage=critical,digitalSignature extendedKeyUsage=serverAuth >"$dir/server.ext"
	openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -days 2 \
		-CAcreateserial -extfile "$dir/server.ext" -out "$dir/server.pem"
}

random() {
	openssl rand -hex 16
}

# until_true COMMAND...: repeat it for START_S seconds.
until_true() {
	tries=$((START_S * 10))
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

port_of() {
	"$NODE" -p "JSON.parse(require('fs').readFileSync('$dir/ports')).$1"
}

free_port() {
	"$NODE" -e "const s = require('net').createServer().listen(0, '127.0.0.1', () => {
		console.log(s.address().port); s.close(); })"
}

said() {
	tail -n 20 "$dir/llmux.log" "$dir/llmux.err"
}

healthy() {
	kill -0 "$llmux_pid" 2>/dev/null || die "llmux: ended at once: $(said)"
	"$NODE" -e "fetch('$BASE/healthz').then((r) => process.exit(r.ok ? 0 : 1),
		() => process.exit(1))"
}

# The mock ends when descriptor 9, its standard input, is closed: also if this script is killed.
start_mock() {
	mkfifo "$dir/stdin"
	"$NODE" mock.mjs <"$dir/stdin" >"$dir/ports" 2>"$dir/mock.log" &
	mock_pid=$!
	exec 9>"$dir/stdin"
	until_true test -s "$dir/ports" || die "mock: did not start: $(cat "$dir/mock.log")"
	MOCK_HTTPS=$(port_of https) MOCK_HTTP=$(port_of http) CONTROL=$(port_of control)
	export MOCK_HTTPS MOCK_HTTP CONTROL
}

start_llmux() {
	LLMUX_LISTEN=127.0.0.1:$(free_port)
	BASE=http://$LLMUX_LISTEN
	export LLMUX_LISTEN BASE
	mkdir -m 700 "$dir/state"
	(umask 077 && "$NODE" config.mjs >"$dir/llmux.conf")
	env -i PATH="$PATH" HOME="$dir" \
		ASAN_OPTIONS="${ASAN_OPTIONS:-}" TSAN_OPTIONS="${TSAN_OPTIONS:-}" \
		timeout -k 5 "$LIFE_S" "$LLMUX" serve -c "$dir/llmux.conf" \
		>"$dir/llmux.log" 2>"$dir/llmux.err" 9>&- &
	llmux_pid=$!
	until_true healthy || die "llmux: did not start: $(said)"
}

# part NAME SECONDS FILE: run one set of tests; it ends with the line "NAME: N passed, N failed".
part() {
	timeout -k 5 "$2" "$NODE" "$3" "$only" >"$dir/$1.out" 2>&1 9>&- &
	part_pid=$!
	wait "$part_pid" || :
	part_pid=''
	cat "$dir/$1.out"
	grep -q "^$1: [0-9]* passed" "$dir/$1.out" || {
		echo "FAIL $1: ended early" && echo "$1: 0 passed, 1 failed" | tee -a "$dir/$1.out"
	}
}

# llmux must stop when told, with status 0, having printed no key and no report of a sanitizer.
after() {
	good=0 bad=0 status=0
	kill "$llmux_pid" || :
	wait "$llmux_pid" || status=$?
	llmux_pid=''
	if [ "$status" = 0 ]; then
		good=1
	else
		bad=1 && echo "FAIL llmux: ended with status $status"
	fi
	secrets="$MOCK_CLIENT_KEY|$MOCK_ANTHROPIC_KEY|$MOCK_OPENAI_KEY"
	if grep -nE "$secrets|AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error" \
		"$dir/llmux.log" "$dir/llmux.err"; then
		bad=$((bad + 1)) && echo "FAIL llmux: the lines above"
	else
		good=$((good + 1))
	fi
	echo "after: $good passed, $bad failed" | tee "$dir/after.out"
}

command -v "$NODE" >/dev/null || die "node: not found; install Node.js 20.11 or later"
command -v openssl >/dev/null || die "openssl: not found"
[ "$direct" = 1 ] || [ -x "$LLMUX" ] || die "llmux: $LLMUX is not there; run make first"
dir=$(mktemp -d)
install . || die "npm: the packages can't be had: $(npm_said)"
certificates >"$dir/openssl.log" 2>&1 || die "openssl: $(tail -n 3 "$dir/openssl.log")"
MOCK_CERT=$dir/server.pem MOCK_KEY_FILE=$dir/server.key CHECK_DIR=$dir
MOCK_ANTHROPIC_KEY=sk-ant-api03-$(random) MOCK_OPENAI_KEY=sk-$(random)
MOCK_CLIENT_KEY=llmux-$(random) MOCK_LENIENT=$direct DIRECT=$direct
export MOCK_CERT MOCK_KEY_FILE CHECK_DIR MOCK_LENIENT DIRECT
export MOCK_ANTHROPIC_KEY MOCK_OPENAI_KEY MOCK_CLIENT_KEY
start_mock

if [ "$direct" = 1 ]; then
	BASE=http://127.0.0.1:$MOCK_HTTP
	export BASE
	[ "$only" != . ] || only=plain:
	part sdk "$SDK_S" sdk.mjs
else
	start_llmux
	[ "$sdk" = 0 ] || part sdk "$SDK_S" sdk.mjs
	if [ "$big" = 1 ]; then
		BIG_DIR=${BIG_DIR:-${TMPDIR:-/tmp}/llmux-check-big-$(id -u)}
		export BIG_DIR
		[ -d "$BIG_DIR" ] || mkdir -m 700 "$BIG_DIR"
		[ -O "$BIG_DIR" ] || die "$BIG_DIR: belongs to someone else"
		cp big/package.json big/package-lock.json "$BIG_DIR"
		if install "$BIG_DIR"; then
			part big "$BIG_S" big.mjs
		else
			echo "skip big: no Claude Code, no Codex: $(npm_said)"
			echo "big: 0 passed, 0 failed, 1 skipped" | tee "$dir/big.out"
		fi
	fi
	after
fi

awk '/^[a-z]+: [0-9]+ passed/ { good += $2; bad += $4; left += $6 }
	END {
		printf "%d passed, %d failed, %d skipped\n", good, bad, left
		exit bad > 0 || good == 0
	}' "$dir"/*.out
