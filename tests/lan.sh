#!/bin/sh
# lan.sh LLMUX: listeners as a LAN uses them: HTTPS with a certificate, a key
# beyond loopback, names in Host, a unix socket. Closing line: "N passed, N
# failed".
set -u
llmux=$1
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill $pid 2>/dev/null; rm -rf "$dir"' EXIT
passed=0 failed=0
sh tests/pki.sh build/pki || exit 1
pki=$(cd build/pki && pwd)
key='llmux-a-key-for-the-lan-01'

cat > "$dir/conf" <<C
listen = 0.0.0.0:0
listen = tls:127.0.0.1:0
listen = unix:$dir/sock
tls_cert = $pki/ec-leaf.pem
tls_key = $pki/ec-leaf.key
state_dir = $dir/state
api_key = $key
allowed_host = upstream.test
C
chmod 600 "$dir/conf"
"$llmux" serve -c "$dir/conf" > "$dir/log" 2>&1 &
pid=$!
n=0
while [ "$(grep -c 'listening on' "$dir/log")" -lt 3 ] && [ $n -lt 200 ]; do
    n=$((n + 1))
    sleep 0.05
done
plain=$(sed -n 's/.*listening on http:\/\/0.0.0.0:\([0-9]*\)$/\1/p' "$dir/log")
tls=$(sed -n 's/.*listening on https:\/\/127.0.0.1:\([0-9]*\)$/\1/p' "$dir/log")

# expect NAME STATUS PATTERN CURL-ARGUMENTS...
expect() {
    name=$1 status=$2 pattern=$3
    shift 3
    got=$(curl -s --max-time 10 --noproxy '*' -o "$dir/out" \
        -w '%{http_code}' "$@")
    if [ "$got" = "$status" ] && grep -q -- "$pattern" "$dir/out"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $name: status $got, want $status and \"$pattern\""
        head -c 600 "$dir/out"
        echo
    fi
}

body='{"model":"echo","messages":[{"role":"user","content":"over the LAN"}]}'
post() {
    n=$1 s=$2 p=$3
    shift 3
    expect "$n" "$s" "$p" -H 'content-type: application/json' -d "$body" "$@"
}
own=$(uname -n)
post 'IP as Host' 200 'over the LAN' -H "x-api-key: $key" \
    "http://127.0.0.1:$plain/v1/chat/completions"
post 'own name' 200 'over the LAN' -H "x-api-key: $key" -H "host: $own" \
    "http://127.0.0.1:$plain/v1/chat/completions"
post 'own name in .lan' 200 'over the LAN' -H "x-api-key: $key" \
    -H "host: $own.lan:$plain" "http://127.0.0.1:$plain/v1/chat/completions"
post 'allowed_host' 200 'over the LAN' -H "x-api-key: $key" \
    -H 'host: upstream.test' "http://127.0.0.1:$plain/v1/chat/completions"
post 'foreign name' 421 'allowed_host = evil.test' -H "x-api-key: $key" \
    -H 'host: evil.test' "http://127.0.0.1:$plain/v1/chat/completions"
post 'no key' 401 'local key is needed' \
    "http://127.0.0.1:$plain/v1/chat/completions"
expect 'metrics beyond loopback' 401 'key' "http://127.0.0.1:$plain/metrics"
expect 'metrics with a key' 200 'llmux_build_info' -H "x-api-key: $key" \
    "http://127.0.0.1:$plain/metrics"
expect 'health needs none' 200 '"ok"' "http://127.0.0.1:$plain/healthz"
post 'HTTPS' 200 'over the LAN' -H "x-api-key: $key" \
    --cacert "$pki/ec-root.pem" --connect-to "upstream.test:443:127.0.0.1:$tls" \
    https://upstream.test/v1/chat/completions
post 'HTTPS, two on one connection' 200200 'over the LAN' \
    -H "x-api-key: $key" --cacert "$pki/ec-root.pem" \
    --connect-to "upstream.test:443:127.0.0.1:$tls" \
    https://upstream.test/v1/chat/completions \
    -o /dev/null https://upstream.test/v1/chat/completions
post 'unix socket' 200 'over the LAN' -H "x-api-key: $key" \
    --unix-socket "$dir/sock" http://localhost/v1/chat/completions

mode=$(stat -c %a "$dir/sock")
resumed=$(printf '' | timeout 10 openssl s_client -connect "127.0.0.1:$tls" \
    -tls1_2 -reconnect 2>/dev/null | grep -c '^Reused')
same() { # NAME GOT WANT
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $1: $2, want $3"
    fi
}
same 'mode of the unix socket' "$mode" 600
same 'TLS sessions resumed' "$resumed" 5
kill -TERM $pid
wait $pid
code=$?
pid=
if [ $code -eq 0 ] && [ ! -e "$dir/sock" ]; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "FAIL stop: exit $code, or the socket was left"
    tail -5 "$dir/log"
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
