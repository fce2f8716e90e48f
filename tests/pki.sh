#!/bin/sh
# SPDX-License-Identifier: MIT
#
# pki.sh DIR: certificates and keys for test_tls and tls_peers.sh, made with
# the openssl command.  All names are invented.  DIR appears whole or not at
# all, and is kept when it is there.  Exit 77: no openssl.
#
#   ec-*   root P-384, intermediate and leaf P-256     rsa-*   the same in RSA
#   LEAF.pem is the server's file (leaf first, then the intermediate), LEAF.key
#   its key; leaves are for upstream.test and *.wild.test.

set -eu
umask 077
export LC_ALL=C

out=$1
case $out in
/*) ;;
*) out=$PWD/$out ;;
esac
sum=$(cksum < "$0") # what another version made is made again
[ "$(cat "$out/done" 2>/dev/null)" = "$sum" ] && exit 0
rm -rf "$out"
command -v openssl >/dev/null || exit 77
mkdir -p "$(dirname "$out")"
work=$(mktemp -d "$(dirname "$out")/pki.XXXXXX")
log=$work/log
trap 'rm -rf "$work"' EXIT
cd "$work"

die() {
	echo "pki.sh: $*" >&2
	cat "$log" >&2
	exit 1
}

ossl() {
	openssl "$@" >>"$log" 2>&1 || die "openssl $*"
}

key() { # file, kind
	case $2 in
	ec*) ossl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$3" \
	    -out "$1" ;;
	# Several primes: quicker to make; nobody here computes with the key.
	rsa8192) ossl genrsa -primes 5 -out "$1" 8192 ;;
	rsa*) ossl genrsa -out "$1" "${2#rsa}" ;;
	esac
}

csr() { # name, subject
	ossl req -new -key "$1.key" -subj "$2" -out "$1.csr"
}

sign() { # name, issuer, extensions file, more options of openssl x509
	name=$1 issuer=$2 ext=$3
	shift 3
	ossl x509 -req -in "$name.csr" -CA "$issuer.crt" -CAkey "$issuer.key" \
	    -CAcreateserial -days 3650 -extfile "$ext" -out "$name.crt" "$@"
}

self() { # name, extensions file
	ossl x509 -req -in "$1.csr" -signkey "$1.key" -days 3650 \
	    -extfile "$2" -out "$1.crt" -sha384
}

cat >ca.ext <<'X'
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
X
cat >leaf.ext <<'X'
basicConstraints = CA:FALSE
subjectAltName = DNS:upstream.test, DNS:*.wild.test, IP:127.0.0.1
X
cat >constraints.ext <<'X'
basicConstraints = critical, CA:TRUE
nameConstraints = critical, permitted;DNS:upstream.test
X

# The two chains.
key ec-root.key ec P-384
key ec-inter.key ec P-256
key ec-leaf.key ec P-256
key rsa-root.key rsa2048
key rsa-inter.key rsa2048
key rsa-leaf.key rsa2048
for kind in ec rsa; do
	csr $kind-root "/O=Invented/CN=Invented $kind root"
	csr $kind-inter "/O=Invented/CN=Invented $kind intermediate"
	csr $kind-leaf "/CN=leaf of $kind"
	self $kind-root ca.ext
	sign $kind-inter $kind-root ca.ext -sha384
	sign $kind-leaf $kind-inter leaf.ext -sha256
	cat $kind-leaf.crt $kind-inter.crt >$kind-leaf.pem
	cp $kind-root.crt $kind-root.pem
done

# A root that has signed nothing of this; one with the name of ec-root, but
# another key; an old root that has signed ec-root's key.
for name in other twin old; do
	key $name.key ec P-256
done
csr other "/CN=Invented other root"
csr twin "/O=Invented/CN=Invented ec root"
csr old "/CN=Invented old root"
for name in other twin old; do
	self $name ca.ext
done
cp ec-root.key cross.key
csr cross "/O=Invented/CN=Invented ec root"
sign cross old ca.ext
cat ec-leaf.pem cross.crt >cross.pem
cat twin.crt ec-root.crt >twin-and-root.pem

# Two roots of one key whose names have the same hash in the index: to trust
# one is not to trust the other.
key hash-a.key ec P-256
cp hash-a.key hash-b.key
csr hash-a "/CN=onzxgmwi"
csr hash-b "/CN=tqrinjvu"
self hash-a ca.ext
self hash-b ca.ext

# Chains with a flaw; each has a .pem and a .key.
leaf() { # name, issuer, kind of key, options
	name=$1 issuer=$2 kind=$3
	shift 3
	key $name.key "$kind" P-256
	csr $name "/CN=leaf $name"
	sign $name $issuer leaf.ext "$@"
	cat $name.crt $issuer.crt >$name.pem
}
cat ec-leaf.crt ec-leaf.crt ec-inter.crt >twice.pem
cp ec-leaf.key twice.key
cat ec-leaf.crt >alone.pem
cp ec-leaf.key alone.key
leaf pss rsa-inter rsa2048 -sha256 -sigopt rsa_padding_mode:pss \
    -sigopt rsa_pss_saltlen:32
leaf big rsa-inter rsa8192
leaf weak rsa-inter rsa1024
key constrained.key ec P-256
csr constrained "/CN=Invented constrained intermediate"
sign constrained ec-root constraints.ext
leaf under constrained ec
leaf hashed hash-a ec
leaf noca ec-leaf ec
cat ec-inter.crt >>noca.pem
leaf p384 ec-inter ec
key p384.key ec P-384
csr p384 "/CN=leaf p384"
sign p384 ec-inter leaf.ext
cat p384.crt ec-inter.crt >p384.pem
key p521.key ec P-521
csr p521 "/CN=leaf p521"
sign p521 ec-inter leaf.ext
cp p521.crt p521.pem

# Self-signed servers, as people pin them.
key pinned.key ec P-256
csr pinned "/CN=pinned"
self pinned leaf.ext
cp pinned.crt pinned.pem
sed 's/CA:FALSE/CA:TRUE/' leaf.ext >both.ext
key pinned-ca.key ec P-256
csr pinned-ca "/CN=pinned CA"
self pinned-ca both.ext
cp pinned-ca.crt pinned-ca.pem

# Dates: 2020 only, and from 2090 on.
: >index.txt
echo 01 >serial
cat >ca.conf <<'X'
[ca]
default_ca = x
[x]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
x509_extensions = leaf
unique_subject = no
[any]
commonName = supplied
[leaf]
subjectAltName = DNS:upstream.test
X
dated() { # name, from, to
	cp ec-leaf.key "$1.key"
	csr "$1" "/CN=leaf $1"
	ossl ca -batch -notext -config ca.conf -cert ec-inter.crt \
	    -keyfile ec-inter.key -in "$1.csr" -out "$1.crt" \
	    -startdate "$2" -enddate "$3"
	cat "$1.crt" ec-inter.crt >"$1.pem"
}
dated past 20200101000000Z 20201231000000Z
dated future 20900101000000Z 20991231000000Z

# The same keys in their other forms.
ossl ec -in ec-leaf.key -out ec-leaf-sec1.key
ossl rsa -in rsa-leaf.key -traditional -out rsa-leaf-pkcs1.key
ossl ecparam -name prime256v1 -out ec-params.pem
cat ec-params.pem ec-leaf-sec1.key >ec-leaf-params.key
cat ec-leaf.pem ec-leaf.key >ec-leaf-all.pem
ossl pkcs8 -topk8 -in ec-leaf.key -passout pass:x -out encrypted.key
ossl rsa -in rsa-leaf.key -traditional -aes128 -passout pass:x \
    -out encrypted-pkcs1.key

rm -f ./*.csr ./*.ext ./*.srl ./*.conf ./index* ./serial* ./0?.pem log
echo "$sum" > "done"
cd /
# Two runs at a time: the second rename fails, which is fine.
mv -T "$work" "$out" 2>/dev/null || [ -f "$out/done" ] || {
	echo "pki.sh: $out: in the way, and not made by this script" >&2
	exit 1
}
