#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tls_peers.sh [CC [LIBS]]: tls.c against OpenSSL, over loopback sockets.
#
# CC: compiler with its flags, LIBS: libraries.  Links libllmux.a when that is
# there, else the few modules that are needed.  Certificates: tests/pki.sh.
# Ports are the kernel's choice, every wait has an end.  Last line: "N passed,
# N failed"; without openssl, "0 passed, 0 failed" and why.

set -u
export LC_ALL=C
cc=${1:-cc -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -O1 -g}
libs=${2:--lbearssl -lpthread}
pki=${TLS_PKI:-build/pki}
passed=0 failed=0
server=''

sh tests/pki.sh "$pki"
case $? in
0) ;;
77)
	echo "skipped: no openssl command (apt-get install openssl)"
	echo "0 passed, 0 failed"
	exit 0 ;;
*)
	echo "FAIL tests/pki.sh"
	echo "0 passed, 1 failed"
	exit 1 ;;
esac
pki=$(cd "$pki" && pwd)
work=$(mktemp -d)

server_stop() {
	[ -n "$server" ] || return 0
	kill "$server" 2>/dev/null
	wait "$server" 2>/dev/null
	server=''
}
trap 'server_stop; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

client=$work/tls_client
modules='tls_trust.c base.c text.c'
[ -f libllmux.a ] && modules=libllmux.a
# shellcheck disable=SC2086
if ! $cc -I. -o "$client" tests/tls_client.c $modules $libs >"$work/cc" 2>&1
then
	cat "$work/cc"
	echo "FAIL tests/tls_client.c does not build"
	echo "0 passed, 1 failed"
	exit 1
fi

# When a sanitizer's library has to be first, faketime's cannot be.
ASAN_OPTIONS=verify_asan_link_order=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export ASAN_OPTIONS

# verdict NAME PATTERN: is the text of $work/out like the pattern of `case`?
verdict() {
	# shellcheck disable=SC2254
	case $(cat "$work/out") in
	$2)
		passed=$((passed + 1)) ;;
	*)
		failed=$((failed + 1))
		echo "FAIL $1"
		echo "  want: $2"
		sed 's/^/  got:  /' "$work/out"
		sed 's/^/  peer: /' "$work/server" | tail -3 ;;
	esac
}

# port_of SED-PROGRAM: waits until the server has told its port.
port_of() {
	tries=0
	while [ $tries -lt 200 ]; do
		port=$(sed -n "$1" "$work/server" | head -1)
		[ -n "$port" ] && return 0
		kill -0 "$server" 2>/dev/null || return 1
		sleep 0.05
		tries=$((tries + 1))
	done
	return 1
}

# ---- our client against openssl s_server ----

# openssl_start LEAF OPTIONS...
openssl_start() {
	leaf=$1
	shift
	: >"$work/server"
	(cd "$work" && exec openssl s_server -accept 127.0.0.1:0 \
	    -cert "$pki/$leaf.pem" -cert_chain "$pki/$leaf.pem" \
	    -key "$pki/$leaf.key" "$@" </dev/null >"$work/server" 2>&1) &
	server=$!
	port_of 's/^ACCEPT .*:\([0-9]*\)$/\1/p'
}

# peer NAME PATTERN "CA HOST OPTIONS of the client" LEAF OPTIONS of s_server...
peer() {
	name=$1 pattern=$2 ours=$3
	shift 3
	if openssl_start "$@"; then
		# shellcheck disable=SC2086
		set -- $ours
		ca=$1 host=$2
		shift 2
		${under:-} timeout 40 "$client" get "$pki/$ca" "$host" "$port" \
		    "$@" >"$work/out" 2>&1
	else
		echo "openssl s_server did not start" >"$work/out"
	fi
	server_stop
	verdict "$name" "$pattern"
}

# The file s_server lists the chain from begins with the leaf itself, which it
# sends twice unless the chain file is told apart.
chain() { # LEAF...
	for leaf in "$@"; do
		awk '/BEGIN/ { n++ } n > 1' "$pki/$leaf.pem" \
		    >"$work/$leaf.rest"
	done
}
chain ec-leaf rsa-leaf pss big weak under noca twice p384

# www NAME PATTERN "CLIENT" LEAF OPTIONS...: the usual case.
www() {
	leaf=$4
	name=$1 pattern=$2 ours=$3
	shift 4
	peer "$name" "$pattern" "$ours" "$leaf" -cert_chain "$work/$leaf.rest" \
	    -www "$@"
}

good='0 resumed=0 id=32 got=[1-9]* end=clean'
again='0 resumed=1 id=32 got=[1-9]* end=clean'
www "EC chain" "$good" "ec-root.pem upstream.test" ec-leaf
www "RSA chain" "$good" "rsa-root.pem upstream.test" rsa-leaf
www "P-384 leaf" "$good" "ec-root.pem upstream.test" p384
www "wildcard" "$good" "ec-root.pem a.wild.test" ec-leaf
www "IP with a required name" "$good" \
    "ec-root.pem 127.0.0.1 expect=upstream.test" ec-leaf
www "IP alone" "refused: 127.0.0.1: an IP address*" \
    "ec-root.pem 127.0.0.1" ec-leaf
www "wrong name" '56 *end=error the certificate is not for "other.test"*' \
    "ec-root.pem other.test" ec-leaf
www "unknown root" '62 *"Invented ec root" is not trusted*' \
    "other.crt upstream.test" ec-leaf
www "leaf twice" '55 *out of order*' "ec-root.pem upstream.test" twice
www "name constraints" '57 *name constraints*' "ec-root.pem upstream.test" under
www "signed by a leaf" '58 *' "ec-root.pem upstream.test" noca
www "PSS-signed" '49 *RSA-PSS*' "rsa-root.pem upstream.test" pss
www "RSA of 8192 bit" '50 *over 4096 bit*' "rsa-root.pem upstream.test" big
www "RSA of 1024 bit" '60 *below 2048 bit*' "rsa-root.pem upstream.test" weak \
    -cipher DEFAULT@SECLEVEL=0
www "TLS 1.3 only" '326 *refuses TLS 1.2*' "ec-root.pem upstream.test" \
    ec-leaf -tls1_3
www "no common suite" '296 *no common cipher suite*' \
    "rsa-root.pem upstream.test" rsa-leaf -tls1_2 -cipher AES128-SHA
www "client certificate wanted" '296 *client certificate*' \
    "ec-root.pem upstream.test" ec-leaf -tls1_2 -Verify 1
www "no common curve" '296 *' "ec-root.pem upstream.test" ec-leaf -curves X448
www "only h2" '376 *HTTP/1.1*' "ec-root.pem upstream.test" ec-leaf -alpn h2
www "h2 and http/1.1" "$good" "ec-root.pem upstream.test" ec-leaf \
    -alpn h2,http/1.1
for suite in ECDSA-CHACHA20-POLY1305 ECDSA-AES128-GCM-SHA256 \
    ECDSA-AES256-GCM-SHA384; do
	www "$suite" "$good" "ec-root.pem upstream.test" ec-leaf -tls1_2 \
	    -cipher "ECDHE-$suite"
done
for suite in RSA-CHACHA20-POLY1305 RSA-AES128-GCM-SHA256 \
    RSA-AES256-GCM-SHA384; do
	www "$suite" "$good" "rsa-root.pem upstream.test" rsa-leaf -tls1_2 \
	    -cipher "ECDHE-$suite"
done
# The certificate's own curve must be among them.
for curves in P-256 P-384:P-256 P-521:P-256 X25519:P-256; do
	www "curves $curves" "$good" "ec-root.pem upstream.test" ec-leaf \
	    -curves "$curves"
done

# Clocks: the past is before the build date, the future is not.
if command -v faketime >/dev/null; then
	under="faketime 2001-01-01"
	www "clock in the past" '54 *the clock is wrong: it says 200?-*' \
	    "ec-root.pem upstream.test" ec-leaf
	under="faketime 2090-01-01"
	www "clock in the future" '54 *expired or is not yet valid*20[89]?-*' \
	    "ec-root.pem upstream.test" ec-leaf
	under=''
else
	echo "skipped: clocks: no faketime command (apt-get install faketime)"
fi

# Sessions.
nl='
'
www "resumption" "$good$nl$again$nl$again" \
    "ec-root.pem upstream.test count=3" ec-leaf
www "resumption, RSA" "$good$nl$again" \
    "rsa-root.pem upstream.test count=2" rsa-leaf
noid='0 resumed=0 id=0 got=[1-9]* end=clean'
www "no session cache" "$noid$nl$noid" "ec-root.pem upstream.test count=2" \
    ec-leaf -no_cache
head -c 3000000 /dev/zero >"$work/big"
peer "large answer" '0 *got=30000[0-9][0-9] end=clean' \
    "ec-root.pem upstream.test path=/big" ec-leaf \
    -cert_chain "$work/ec-leaf.rest" -WWW
# Leaving in the middle, with close_notify, keeps the session.
peer "early close" "0 resumed=0 *end=early${nl}0 resumed=1 *end=early" \
    "ec-root.pem upstream.test path=/big early=1 count=2" ec-leaf \
    -cert_chain "$work/ec-leaf.rest" -WWW

# Cuts: in the first record, in the certificates, at the end of the handshake,
# in the answer.  Never a clean end.
for n in 1 4 100 900 1600 2500 9000 100000; do
	peer "FIN after $n bytes" '0 *end=fin' \
	    "ec-root.pem upstream.test path=/big fin=$n" ec-leaf \
	    -cert_chain "$work/ec-leaf.rest" -WWW
	peer "reset after $n bytes" '0 *end=reset' \
	    "ec-root.pem upstream.test path=/big rst=$n" ec-leaf \
	    -cert_chain "$work/ec-leaf.rest" -WWW
done
peer "a changed byte in the answer" '7 *end=error a record was damaged*' \
    "ec-root.pem upstream.test path=/big flip=9000" ec-leaf \
    -cert_chain "$work/ec-leaf.rest" -WWW
peer "a changed byte in the handshake" '[1-9]* *got=0 end=error*' \
    "ec-root.pem upstream.test path=/big flip=700" ec-leaf \
    -cert_chain "$work/ec-leaf.rest" -WWW

# ---- openssl s_client against our server ----

# serve LEAF
serve() {
	: >"$work/server"
	"$client" serve "$pki/$1.pem" "$pki/$1.key" >"$work/server" 2>&1 &
	server=$!
	port_of 's/^port //p'
}

# ask NAME PATTERN CA OPTIONS of s_client...: "verified N, reused N, hello N,
# ALPN none|NAME" of one run.
ask() {
	name=$1 pattern=$2 ca=$3
	shift 3
	printf 'GET / HTTP/1.0\r\n\r\n' | timeout 20 openssl s_client \
	    -connect "127.0.0.1:$port" -servername upstream.test \
	    -verify_hostname upstream.test -CAfile "$pki/$ca" \
	    -ign_eof "$@" >"$work/log" 2>&1
	{
		echo "verified $(grep -c 'Verify return code: 0' "$work/log"),"
		echo "reused $(grep -c '^Reused' "$work/log"),"
		echo "hello $(grep -c '^hello' "$work/log"),"
		echo "alert $(sed -n 's/.*SSL alert number \([0-9]*\).*/\1/p' \
		    "$work/log" | head -1)"
	} | tr '\n' ' ' >"$work/out"
	verdict "$name" "$pattern"
}

# last NAME PATTERN: the line the server has printed of its last connection.
last() {
	sleep 0.1
	tail -1 "$work/server" >"$work/out"
	verdict "$1" "$2"
}

if serve ec-leaf; then
	ask "server, EC" 'verified [12], reused 0, hello 1, *' ec-root.pem \
	    -tls1_2 -sess_out "$work/session"
	last "server, EC: its side" '0 resumed=0 *end=answered'
	ask "server, resumed" 'verified [12], reused 1, hello 1, *' \
	    ec-root.pem -tls1_2 -sess_in "$work/session"
	last "server, resumed: its side" '0 resumed=1 *end=answered'
	# Rule 11: BearSSL 0.6 with ALPN names died of this.
	ask "server, resumed with foreign ALPN" \
	    'verified [12], reused 1, hello 1, *' ec-root.pem -tls1_2 \
	    -sess_in "$work/session" -alpn h2
	ask "server, h2 or http/1.1" 'verified [12], reused 0, hello 1, *' \
	    ec-root.pem -alpn h2,http/1.1
	ask "server, TLS 1.3 only" '* reused 0, hello 0, *' ec-root.pem -tls1_3
	ask "server, no common suite" '* reused 0, hello 0, alert 40 ' \
	    ec-root.pem -tls1_2 -cipher AES128-SHA
	last "server, no common suite: its side" '552 *no cipher suite*'
	ask "server, RSA suites only" '* reused 0, hello 0, alert 40 ' \
	    ec-root.pem -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256
	ask "server, untrusted" '* reused 0, hello 0, *' other.crt -tls1_2 \
	    -verify_return_error
	last "server, untrusted: its side" '304 *does not trust our cert*'
	ask "server, still there" 'verified [12], reused 0, hello 1, *' \
	    ec-root.pem
else
	echo "did not start" >"$work/out"
	verdict "server, EC" ok
fi
server_stop
if serve rsa-leaf; then
	ask "server, RSA" 'verified [12], reused 0, hello 1, *' rsa-root.pem
else
	echo "did not start" >"$work/out"
	verdict "server, RSA" ok
fi
server_stop

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
