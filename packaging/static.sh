#!/bin/sh
# SPDX-License-Identifier: MIT
#
# static.sh [OUTDIR]: BearSSL as a static archive for the release binaries.
#
# Gives OUTDIR/libbearssl.a, OUTDIR/inc/, OUTDIR/LICENSE.bearssl (to ship with
# the binaries) and the source archive.  OUTDIR is build/static of this source
# tree when not given.  The source is Debian's, fetched with apt in a folder of
# its own: no root, nothing of the system's apt is written.  What is trusted is
# the hash of the archive.  Same source, compiler and flags: same bytes.
#
# Environment: CC (musl-gcc; may have arguments), AR (ar), CFLAGS_EXTRA (added
# behind the flags below), BEARSSL_TARBALL (the .orig.tar.xz to use, without
# apt).  When nothing has changed, a run does nothing and prints nothing.  The
# stamp is written last, so a run that was cut off is done again.
# Not done here: musl itself (package musl-tools; CC for other targets).

set -eu
unset CDPATH
umask 022
export LC_ALL=C

version=0.6+dfsg.1
sha256=102a625bd8f6155260867a50c508df8d8c3f796985dd744df1a68e5cd1a79004
tarball=bearssl_$version.orig.tar.xz
CC=${CC:-musl-gcc}
AR=${AR:-ar}
# RDRAND: 0.6 trusts it alone where the processor has it; llmux seeds BearSSL.
flags="-Os -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables"
flags="$flags -DBR_RDRAND=0 ${CFLAGS_EXTRA:-}"

fail() {
	echo "static.sh: $*" >&2
	exit 1
}

need() { # program, package that has it
	command -v "$1" >/dev/null || fail "$1: not found; install $2"
}

is_source() { # file
	[ -f "$1" ] && [ "$(sha256sum <"$1")" = "$sha256  -" ]
}

result() { # what the stamp must say: settings and hashes
	echo "$settings"
	(cd "$out" && sha256sum libbearssl.a LICENSE.bearssl inc/*.h 2>&1)
}

finished() {
	[ -f "$out/stamp" ] && [ "$(result)" = "$(cat "$out/stamp")" ]
}

# The distribution's own entries of apt's source lists, as deb-src, into
# $work/parts.  Its own: signed by its key ring, or no key ring named.
write_sources() {
	list='' parts=''
	eval "$(apt-config shell list Dir::Etc::sourcelist/f \
	    parts Dir::Etc::sourceparts/d)"
	mkdir "$work/parts"
	for file in "$list" "${parts%/}"/*.list "${parts%/}"/*.sources; do
		[ -f "$file" ] || continue
		case $file in
		*.sources) awk -v 'RS=' -F '\n' '{
			body = types = key = off = ""
			for (i = 1; i <= NF; i++) {
				low = tolower($i)
				if (low ~ /^types:/) { types = low; continue }
				if (low ~ /^signed-by:/) key = low
				if (low ~ /^enabled:[ \t]*(no|false|off|0)/)
					off = 1
				body = body $i "\n"
			}
			if (types ~ /[: \t]deb/ && !off && (key == "" ||
			    key ~ /(debian|ubuntu)-archive-keyring/))
				printf "Types: deb-src\n%s\n", body
		}' "$file" >>"$work/parts/own.sources" ;;
		*) awk '$1 ~ /^deb(-src)?$/ && !/cdrom:/ && (!/signed-by=/ ||
		    /(debian|ubuntu)-archive-keyring/) {
			$1 = "deb-src"
			print
		}' "$file" >>"$work/parts/own.list" ;;
		esac
	done
	cat "$work"/parts/* 2>/dev/null | grep -q . ||
	    fail "apt: its source lists have no entry of the distribution;" \
		"add one, or set BEARSSL_TARBALL"
}

# Brings the source archive into $work.
fetch() {
	need apt-get apt
	write_sources
	mkdir -p "$work/lists/partial" "$work/cache" "$work/get"
	# The hooks are cleared: they would work on the system's lists.
	cat >"$work/apt.conf" <<-END
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		Dir::Etc::sourcelist "/dev/null";
		Dir::Etc::sourceparts "$work/parts";
		Dir::State::lists "$work/lists";
		Dir::Cache "$work/cache";
		Acquire::Retries "1";
		Acquire::http::Timeout "20";
		Acquire::https::Timeout "20";
	END
	echo "bearssl: fetching the source with apt"
	apt="timeout --foreground 300 apt-get -c ../apt.conf -qq"
	cd "$work/get"
	# A list that fails does not matter if another one has the package.
	$apt update >../log 2>&1 || :
	# The newest revision of this version, whatever its number.
	full=$(apt-cache -c ../apt.conf showsrc bearssl 2>>../log |
	    awk -v "v=$version-" '$1 == "Version:" && index($2, v) == 1 {
		print $2; exit }')
	[ -z "$full" ] || $apt --download-only --tar-only source \
	    "bearssl=$full" >>../log 2>&1 || :
	if [ ! -f "$tarball" ]; then
		tail -n 8 ../log >&2
		fail "apt: cannot fetch the source of bearssl $version;" \
		    "check network and source lists, or set BEARSSL_TARBALL"
	fi
	mv "$tarball" ..
}

[ $# -le 1 ] || fail "usage: static.sh [OUTDIR]"
out=${1:-$(dirname -- "$0")/../build/static}
mkdir -p -- "$out"
out=$(cd -- "$out" && pwd -P)

[ "$CC" != musl-gcc ] || need musl-gcc musl-tools
need "${CC%% *}" "this compiler, or set CC"
need "${AR%% *}" "binutils, or set AR"
need xz xz-utils
compiler=$($CC --version 2>&1) ||
    fail "$CC: does not run: $compiler; install gcc, or set CC"
settings="bearssl $version $sha256
$CC: $(echo "$compiler" | head -n 1)
$AR $flags"

! finished || exit 0
[ ! -e "$out/inc" ] || [ -f "$out/inc/bearssl.h" ] ||
    fail "$out/inc: exists and is not BearSSL's; take another OUTDIR"

[ -w "$out" ] || fail "$out: not writable"
exec 9>"$out/lock"
flock -w 600 9 || fail "$out: another run does not end"
! finished || exit 0
work=$out/work
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
rm -rf "$work"
mkdir "$work"

if ! is_source "$out/$tarball"; then
	if [ -z "${BEARSSL_TARBALL:-}" ]; then
		fetch
	else
		cp -- "$BEARSSL_TARBALL" "$work/$tarball" ||
		    fail "BEARSSL_TARBALL: cannot copy it"
	fi
	is_source "$work/$tarball" || fail "$tarball: wrong sha256; not used"
	mv -f "$work/$tarball" "$out/$tarball"
fi

mkdir "$work/bearssl" "$work/obj"
cd "$work/obj"
tar -C ../bearssl --strip-components=1 --no-same-owner -xJf "$out/$tarball"
find ../bearssl/src -name '*.c' | sort >../files
echo "bearssl: compiling with $CC"
# shellcheck disable=SC2086 # CC and flags are lists
xargs -n 16 -P 2 $CC $flags "-ffile-prefix-map=$work=/bearssl" \
    -I../bearssl/src -I../bearssl/inc -c <../files ||
    fail "bearssl: $CC failed, see above"
set -- *.o
[ $# -eq "$(wc -l <../files)" ] || fail "bearssl: objects are missing"
$AR rcsD ../libbearssl.a "$@" || fail "bearssl: $AR failed"

# Headers before the archive: whoever finds the archive can use both.
rm -rf "$out/stamp" "$out/libbearssl.a" "$out/inc"
mv ../bearssl/inc "$out/inc"
mv ../bearssl/LICENSE.txt "$out/LICENSE.bearssl"
mv ../libbearssl.a "$out/libbearssl.a"
result >../stamp
mv ../stamp "$out/stamp"
