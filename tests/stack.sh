#!/bin/sh
# stack.sh LLMUX: the deepest stack of a connection's thread, in a build that
# paints them (make stack): the echo model, name look-up, a TLS handshake with
# a chain, a whole answer and an error.
set -eu
llmux=$1
dir=$(mktemp -d)
pids=
trap 'kill $pids 2>/dev/null || true; rm -rf "$dir"' EXIT
sh tests/pki.sh build/pki
port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
openssl s_server -quiet -accept "127.0.0.1:$port" -cert build/pki/ec-leaf.crt \
    -key build/pki/ec-leaf.key -cert_chain build/pki/ec-leaf-all.pem -www \
    > /dev/null 2>&1 &
pids=$!
cat > "$dir/conf" <<C
listen = 127.0.0.1:0
state_dir = $dir/state
ca_file = build/pki/ec-root.pem
[provider tls]
type = openai
base_url = https://localhost:$port/v1
model = tls
C
"$llmux" serve -c "$dir/conf" > "$dir/log" 2>&1 &
pids="$pids $!"
url=
while [ -z "$url" ]; do
    sleep 0.1
    url=$(sed -n 's/.*listening on //p' "$dir/log")
done
ask() {
    curl -s -o /dev/null "$url/v1/$1" -H 'content-type: application/json' \
        -d "$2" || true
}
ask chat/completions '{"model":"echo","stream":true,"messages":[{"role":"user","content":"a b c"}]}'
ask messages '{"model":"echo","max_tokens":9,"messages":[{"role":"user","content":"a b c"}]}'
ask responses '{"model":"echo","stream":true,"input":"a b c"}'
ask chat/completions '{"model":"tls","messages":[]}'
ask chat/completions '{"model":"none","messages":[]}'
sleep 0.3
grep -v 'stack:' "$dir/log" | tail -3
sed -n 's/.*stack: //p' "$dir/log" | sort -n | tail -1 |
    sed 's/$/ deepest, of 65536/'
