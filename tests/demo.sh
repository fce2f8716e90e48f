#!/bin/sh
# demo.sh LLMUX: start it on a port that the kernel chooses, ask the built-in
# model once as a stream, show the answer, stop it. What `make run` does.
set -eu
llmux=$1
log=$(mktemp)
"$llmux" serve --listen 127.0.0.1:0 -c /dev/null > "$log" 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null || true; rm -f "$log"' EXIT
url=
n=0
while [ -z "$url" ]; do
    url=$(sed -n 's/.*listening on //p' "$log")
    n=$((n + 1))
    if [ $n -gt 100 ]; then
        cat "$log" >&2
        echo "llmux did not start" >&2
        exit 1
    fi
    [ -n "$url" ] || sleep 0.05
done
echo "llmux listens on $url; asking its built-in model \"echo\":"
echo
curl -sSN "$url/v1/chat/completions" -H 'content-type: application/json' -d '{
  "model": "echo", "stream": true,
  "messages": [{"role": "user", "content": "hello from llmux"}]}'
echo
echo "It works. To keep it running: $llmux serve"
