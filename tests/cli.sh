#!/bin/sh
# cli.sh LLMUX: the command line: good use, misuse, and what each says.
# Closing line: "N passed, N failed".
set -u
llmux=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0
export HOME="$dir" LLMUX_STATE_DIR="$dir/state"
unset ANTHROPIC_API_KEY OPENAI_API_KEY LLMUX_CONFIG HTTPS_PROXY ALL_PROXY \
    NO_PROXY https_proxy all_proxy no_proxy 2>/dev/null

# expect NAME CODE PATTERN COMMAND...: exit code, and a pattern in what it
# says on either stream.
expect() {
    name=$1 code=$2 pattern=$3
    shift 3
    timeout 20 "$@" > "$dir/out" 2>&1 < /dev/null
    got=$?
    if [ $got -eq "$code" ] && grep -q -- "$pattern" "$dir/out"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $name: exit $got, want $code and \"$pattern\""
        head -20 "$dir/out"
    fi
}

conf() { cat > "$dir/conf"; }

expect version 0 '^llmux [0-9]' "$llmux" --version
expect help 0 '^usage: llmux' "$llmux" --help
expect 'no arguments' 2 '^usage: llmux' "$llmux"
expect 'unknown command' 2 'frob: no such command' "$llmux" frob
expect 'help of a command' 0 'usage: llmux serve' "$llmux" help serve
expect 'help of nothing' 2 'no such command' "$llmux" help frob
expect 'unknown option' 2 'frob: not an option' "$llmux" serve --frob
expect 'option without value' 2 'needs a value' "$llmux" serve --port
expect 'empty value' 2 'needs a value' "$llmux" serve --port=
expect 'bad port' 2 'port' "$llmux" serve --port 99999
expect 'check without file' 0 'listen = 127.0.0.1:8081' "$llmux" check
expect 'list of keys' 0 'max_memory' "$llmux" check --keys
expect 'missing file' 2 'none: No such file' "$llmux" check -c "$dir/none"

conf <<'C'
listen = 127.0.0.1:0
api_key = llmux-a-key-that-is-long-enough
[provider claude]
api_key = sk-ant-api-invented-secret-1234
[provider local]
type = openai
base_url = http://127.0.0.1:9/v1
model = m1
[model fast]
use = local/m1
C
expect 'check masks' 0 '1234' "$llmux" check -c "$dir/conf"
if "$llmux" check -c "$dir/conf" | grep -q invented-secret; then
    failed=$((failed + 1))
    echo "FAIL check shows a secret"
else
    passed=$((passed + 1))
fi
expect models 0 '^fast  *llmux$' "$llmux" models -c "$dir/conf"
expect 'models: provider' 0 '^m1  *local$' "$llmux" models -c "$dir/conf"
expect budget 0 'clients' "$llmux" budget -c "$dir/conf"

echo 'lisen = 127.0.0.1:8081' > "$dir/bad"
expect 'unknown key' 2 'line 1' "$llmux" check -c "$dir/bad"
expect 'unknown key at start' 2 'line 1' "$llmux" serve -c "$dir/bad"
printf 'api_key = sk-ant-api-x1234567\n' > "$dir/bad"
expect 'key in the wrong place' 2 'provider' "$llmux" check -c "$dir/bad"
printf 'listen = 0.0.0.0:0\n' > "$dir/bad"
expect 'no key beyond loopback' 2 'key' "$llmux" serve -c "$dir/bad"
printf 'listen = 127.0.0.1:0\nca_file = %s/none.pem\n[provider claude]\napi_key = sk-ant-api-x1234567\n' "$dir" > "$dir/bad"
expect 'missing CA file' 1 'none.pem' "$llmux" serve -c "$dir/bad"
printf 'listen = tls:127.0.0.1:0\ntls_cert = %s/no.pem\ntls_key = %s/no.pem\n' "$dir" "$dir" > "$dir/bad"
expect 'missing certificate' 1 'no.pem' "$llmux" serve -c "$dir/bad"

# A port that is taken: the second one says so and ends.
conf <<'C'
listen = 127.0.0.1:0
C
"$llmux" serve -c "$dir/conf" > "$dir/first" 2>&1 &
pid=$!
port=
n=0
while [ -z "$port" ] && [ $n -lt 200 ]; do
    port=$(sed -n 's/.*listening on http:\/\/127.0.0.1:\([0-9]*\)$/\1/p' "$dir/first")
    n=$((n + 1))
    [ -n "$port" ] || sleep 0.05
done
expect 'port in use' 1 "127.0.0.1:$port: address in use" "$llmux" serve \
    -c "$dir/conf" --listen "127.0.0.1:$port"
kill -TERM $pid
wait $pid
code=$?
if [ $code -eq 0 ]; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "FAIL SIGTERM: exit $code"
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
