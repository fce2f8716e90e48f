#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Torture: a whole server in which one allocation fails, for each allocation.

    python3 tests/torture.py LLMUX [FIRST [LAST]]

LLMUX is a test build (LLMUX_TEST): with LLMUX_STARVE=n in its environment the n-th allocation of
the process fails, once, and it says so on stderr. For n = FIRST (1), 2, 3, ... it is started,
used as in STEPS below, reloaded, used again and stopped, until the failure does not happen any
more (or LAST is reached). From DENSE on only every STRIDE-th n is tried, to stay in the time.
A run without a failure comes first and gives the figures to compare with.

What must hold for every n:
  - no crash, no report of a sanitizer, no step over STEP_S;
  - a request gets its right answer. The one during which the failure came may get instead an
    error (5xx) with a whole JSON body in the form of a dialect, a stream that ends with the
    dialect's error record or is cut, or a closed connection; never a 200 that ends properly and
    is cut or wrong. Everything behind it gets the right answer;
  - a reload may fail, with the old configuration in force;
  - a start may fail, with exit status 1 and a message;
  - SIGTERM ends it with exit status 0, and what is reserved of max_memory before that is the
    same as without a failure.

The upstream is a mock in this process, plain HTTP. It checks what it is sent.
Last line: "N passed, N failed". Exit status 0 if none failed.
"""
import collections
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

STEP_S = 5            # no step of a run may take longer
SETTLE_S = 3          # for threads of closed connections to go
JOBS = 2
DENSE, STRIDE = 400, 3
MANY = 1000000        # an allocation that never comes
KEY = "llmux-torture-key-0123456789"
UP_KEY = "sk-invented-upstream-key"
TEXT = "the quick brown fox and \\u00e9 quotes \\\" too"
ROOTS = os.path.dirname(os.path.abspath(__file__)) + "/fuzz/corpus/pem/rsa-root.pem"
UPLOAD = 100000
LARGE = 300000        # an answer that is not held until it is whole

# /proc/self: the leak checker reads there at the end, so the sandbox must leave it open.
CONF = """listen = 127.0.0.1:0
api_key = {key}
state_dir = {dir}/state
counters_dir = /proc/self
ca_file = {dir}/ca.pem
max_memory = 64M
allowed_host = torture.lan
[provider claude]
base_url = http://127.0.0.1:{port}
api_key = {up}
[provider local]
type = openai
base_url = http://127.0.0.1:{port}/v1
api_key_file = {dir}/key
model = small
model = slash/ed
header = X-Torture: yes
[provider full]
type = openai
base_url = http://127.0.0.1:{port}/full
[provider tls]
type = openai
base_url = https://localhost:{port}/v1
api_key = {up}
model = far
[model fast]
use = full/any
use = local/quick
"""
# What the reload brings: a larger table of clients, and a listener.
MORE = "max_clients = 200\nlisten = unix:{dir}/state/sock\n"


class Wrong(Exception):
    """Something that must not happen."""


class Closed(Exception):
    """The connection ended before a whole answer; .answer: what came of it, or None."""

    def __init__(self, answer=None):
        super().__init__("closed")
        self.answer = answer


# The mock upstream: what it says depends on path and model only.

def event(name, data):
    return ("event: %s\ndata: %s\n\n" % (name, data)).encode()


def messages_stream():
    """Preamble, content in small and large events, usage, end."""
    start = {"type": "message_start", "message": {
        "id": "msg_mock", "type": "message", "role": "assistant", "model": "claude-mock",
        "content": [], "stop_reason": None, "usage": {"input_tokens": 11, "output_tokens": 1}}}
    yield event("message_start", json.dumps(start))
    yield event("ping", '{"type": "ping"}')
    for i in range(3):
        yield event("content_block_delta", json.dumps({
            "type": "content_block_delta", "index": 0,
            "delta": {"type": "text_delta", "text": "word %d " % i + "x" * (20000 if i else 3)}}))
    yield event("message_delta", '{"type":"message_delta","delta":{"stop_reason":"end_turn"},'
                '"usage":{"output_tokens":7}}')
    yield event("message_stop", '{"type":"message_stop"}')


def chat_stream():
    """One event of two data lines among others."""
    front = '{"id":"chatcmpl-mock","object":"chat.completion.chunk","model":"quick","choices":'
    yield ('data: %s[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n' % front).encode()
    yield ('data: %s\ndata: [{"index":0,"delta":{"content":"two lines"}}]}\n\n' % front).encode()
    yield ('data: %s[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n' % front).encode()
    yield b"data: [DONE]\n\n"


def chat_answer(pad):
    return json.dumps({
        "id": "chatcmpl-mock", "object": "chat.completion", "model": "small",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": "whole " + "y" * pad}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5}}).encode()


REFUSAL = "the mock takes no such thing"
COUNT = b'{"input_tokens": 4711}'


class Mock(socketserver.BaseRequestHandler):
    """One connection. server.faults collects what was wrong in a request."""

    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request.settimeout(60)
        reader = self.request.makefile("rb")
        try:
            while self.one(reader):
                pass
        except OSError:
            pass

    def one(self, reader):
        line = reader.readline().decode("latin-1").split()
        if len(line) != 3 or line[2] != "HTTP/1.1":
            return False  # its end, or the hello of TLS
        head = {}
        while True:
            field = reader.readline().decode("latin-1").strip()
            if not field:
                break
            name, value = field.split(":", 1)
            head[name.lower()] = value.strip()
        body = reader.read(int(head.get("content-length", "0")))
        if len(body) != int(head.get("content-length", "0")):
            return False
        try:
            self.answer(line[1], head, json.loads(body))
        except (Wrong, ValueError, KeyError, TypeError) as e:
            self.server.faults.append("upstream request %s: %r: %r" % (line[1], e, body[:200]))
            self.whole(500, "application/json", b"{}")
        return True

    def answer(self, path, head, body):
        key = head.get("x-api-key") or head.get("authorization", "")[7:]
        if path.startswith("/full"):
            self.whole(503, "text/plain", b"full")
            return
        if key != UP_KEY:
            raise Wrong("key %r" % key)
        text = body["messages"][0]["content"]
        if hashlib.sha256(text.encode()).hexdigest() != body["digest"]:
            raise Wrong("the body was changed")
        wants = self.server.wants[path, body["model"]]
        if path.startswith("/v1/messages") and "anthropic-version" not in head:
            raise Wrong("no version")
        if path.startswith("/v1/chat") and head.get("x-torture") != "yes":
            raise Wrong("no own header")
        if wants == "count" and ("max_tokens" in body or "stream" in body):
            raise Wrong("fields of another kind of request")
        if wants == "refuse":
            self.whole(400, "text/plain", REFUSAL.encode())
        elif wants == "count":
            self.whole(200, "application/json", COUNT)
        elif wants == "whole":
            self.whole(200, "application/json", chat_answer(0))
        elif wants == "large":
            self.whole(200, "application/json", chat_answer(LARGE))
        else:
            self.stream(messages_stream() if wants == "messages" else chat_stream())

    def whole(self, status, kind, body):
        self.request.sendall(("HTTP/1.1 %d Mock\r\ncontent-type: %s\r\nretry-after: 7\r\n"
                              "x-request-id: up-1\r\ncontent-length: %d\r\n\r\n" % (
                                  status, kind, len(body))).encode() + body)

    def stream(self, events):
        """Chunks that end inside of events."""
        body = b"".join(events)
        self.request.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                             b"x-request-id: up-2\r\ntransfer-encoding: chunked\r\n\r\n")
        at, size = 0, 150
        while at < len(body):
            piece = body[at:at + size]
            self.request.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            at, size = at + size, size * 2
            time.sleep(0.002)
        self.request.sendall(b"0\r\n\r\n")


class MockServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
    faults = []
    wants = {("/v1/messages", "claude-mock"): "messages",
             ("/v1/messages/count_tokens", "claude-mock"): "count",
             ("/v1/chat/completions", "small"): "whole",
             ("/v1/chat/completions", "slash/ed"): "large",
             ("/v1/chat/completions", "no"): "refuse",
             ("/v1/chat/completions", "quick"): "chat"}


# The client.

Answer = collections.namedtuple("Answer", "status head body ended")


class Client:
    """One connection, read strictly. Every read ends at due."""

    def __init__(self, port, due):
        self.sock = socket.create_connection(("127.0.0.1", port), max(due - time.monotonic(), 0.1))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data, self.due, self.over = b"", due, False

    def close(self):
        self.sock.close()

    def send(self, data):
        self.wait()
        try:
            self.sock.sendall(data)
        except socket.timeout:
            raise Wrong("sending takes over %d s" % STEP_S)
        except OSError:
            pass  # an answer may be there all the same

    def wait(self):
        left = self.due - time.monotonic()
        if left <= 0:
            raise Wrong("no whole answer in %d s" % STEP_S)
        self.sock.settimeout(left)

    def more(self):
        self.wait()
        try:
            got = self.sock.recv(65536)
        except socket.timeout:
            raise Wrong("no whole answer in %d s" % STEP_S)
        except OSError:
            got = b""
        if not got:
            self.over = True
        self.data += got
        return bool(got)

    def until(self, mark):
        """Bytes up to and with mark, or None when the connection ends before it."""
        while mark not in self.data:
            if not self.more():
                return None
        at = self.data.index(mark) + len(mark)
        out, self.data = self.data[:at], self.data[at:]
        return out

    def exactly(self, n):
        """n bytes, or fewer when the connection ends before."""
        while len(self.data) < n:
            if not self.more():
                break
        out, self.data = self.data[:n], self.data[n:]
        return out

    def read(self):
        """The next answer; Closed when it is not whole."""
        head = self.until(b"\r\n\r\n")
        if head is None:
            if self.data:
                raise Wrong("a head was cut: %r" % self.data[:100])
            raise Closed()
        lines = head.decode("latin-1")[:-4].split("\r\n")
        first = re.match(r"HTTP/1\.1 (\d{3}) ", lines[0])
        if first is None:
            raise Wrong("status line %r" % lines[0])
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            fields[name] = value
        body, ended = self.body(fields)
        answer = Answer(int(first.group(1)), fields, body, ended)
        if not ended:
            raise Closed(answer)
        return answer

    def body(self, fields):
        if "content-length" in fields:
            n = int(fields["content-length"])
            body = self.exactly(n)
            return body, len(body) == n
        if fields.get("transfer-encoding") != "chunked":
            raise Wrong("an answer of no known length")
        body = b""
        while True:
            size = self.until(b"\r\n")
            if size is None:
                return body, False
            n = int(size, 16)
            piece = self.exactly(n + 2)
            body += piece[:n]
            if len(piece) < n + 2:
                return body, False
            if n == 0:
                return body, True


def head_of(method, path, extra=""):
    return "%s %s HTTP/1.1\r\nhost: torture.lan\r\nauthorization: Bearer %s\r\n%s" % (
        method, path, KEY, extra)


def get(path):
    return (head_of("GET", path) + "\r\n").encode()


def post(path, body, chunked=False):
    data = json.dumps(body).encode()
    head = head_of("POST", path, "content-type: application/json\r\n")
    if not chunked:
        return (head + "content-length: %d\r\n\r\n" % len(data)).encode() + data
    pieces = [data[i:i + 9000] for i in range(0, len(data), 9000)]
    return (head + "transfer-encoding: chunked\r\n\r\n").encode() + b"".join(
        b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


def ask(model, text, **more):
    body = {"model": model, "messages": [{"role": "user", "content": text}],
            "digest": hashlib.sha256(text.encode()).hexdigest()}
    body.update(more)
    return body


# What a right answer is. Each gives nothing, or raises Wrong.

def want(good, what, seen):
    if not good:
        raise Wrong("%s: %r" % (what, seen if len(repr(seen)) < 300 else repr(seen)[:300]))


def is_json(a, status=200):
    want(a.status == status, "status", (a.status, a.body[:200]))
    want(a.head.get("content-type", "").startswith("application/json"), "type", a.head)
    return json.loads(a.body)


def datas(body):
    """The events' data in a stream, joined, with their names."""
    out = []
    want(body.endswith(b"\n\n"), "end of the last event", body[-80:])
    for block in body.decode()[:-2].split("\n\n"):
        lines = block.split("\n")
        name = "".join(x[7:] for x in lines if x.startswith("event: "))
        out.append((name, "\n".join(x[6:] for x in lines if x.startswith("data: "))))
    return out


def is_models(a):
    ids = [m["id"] for m in is_json(a)["data"]]
    want(ids == ["fast", "small", "slash/ed", "far", "echo"], "models", ids)


def is_one_model(a):
    want(is_json(a)["id"] == "slash/ed", "model", a.body)


def is_health(a):
    want(is_json(a)["status"] == "ok", "health", a.body)


def is_echo_chat(a):
    want(a.status == 200 and a.head["content-type"] == "text/event-stream", "head", a.head)
    want(a.head.get("cache-control") == "no-cache", "head", a.head)
    events = datas(a.body)
    want(events[-1][1] == "[DONE]", "end", events[-1])
    chunks = [json.loads(d) for _, d in events[:-1]]
    want(all(re.match(r"chatcmpl-[0-9a-f]{18}$", c["id"]) for c in chunks), "id", chunks[0])
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks)
    want(text == TEXT, "text", text)
    want(chunks[-1]["choices"][0]["finish_reason"] == "stop", "finish", chunks[-1])


def is_echo_messages(a):
    v = is_json(a)
    want(v["content"] == [{"type": "text", "text": TEXT}] and v["stop_reason"] == "end_turn" and
         v["usage"]["output_tokens"] > 1, "message", v)


def is_echo_tool(a):
    v = is_json(a)
    call = v["output"][0]
    want(call["type"] == "function_call" and call["name"] == "look" and
         json.loads(call["arguments"]) == {"what": "echo"}, "call", v)


def passed(a, body):
    want(a.status == 200 and a.head["content-type"] == "text/event-stream", "head", a)
    want(a.head.get("x-llmux-upstream-request-id") == "up-2", "head", a.head)
    want(a.body == body, "body of %d bytes" % len(a.body), a.body[-200:])


def is_messages_stream(a):
    passed(a, b"".join(messages_stream()))


def is_chat_stream(a):
    passed(a, b"".join(chat_stream()))


def is_chat_answer(a):
    want(a.status == 200 and a.body == chat_answer(0), "answer", a)
    want(a.head.get("retry-after") == "7", "head", a.head)


def is_large_answer(a):
    want(a.status == 200 and a.body == chat_answer(LARGE), "answer", (a.status, len(a.body)))


def is_count(a):
    want(a.status == 200 and a.body == COUNT, "count", a)


def is_count_estimate(a):
    want(is_json(a)["input_tokens"] > 5, "count", a.body)
    want(a.head.get("x-llmux-estimate") == "1", "head", a.head)


def is_refused(a):
    message = is_json(a, 400)["error"]["message"]
    want(REFUSAL in message or "without a JSON body" in message, "message", message)


def is_unknown(a):
    want(is_json(a, 404)["error"]["code"] == "model_not_found", "error", a.body)


def is_no_tls(a):
    want(is_json(a, 502)["error"]["code"] == "upstream_broken", "error", a.body)


def is_no_key(a):
    want(is_json(a, 401)["error"]["code"] == "invalid_api_key", "error", a.body)
    want(a.head.get("www-authenticate") == "Bearer", "head", a.head)


def is_preflight(a):
    want(a.status == 200 and "GET" in a.head.get("allow", ""), "options", a)


def is_metrics(a):
    want(a.status == 200 and a.body.endswith(b"\n") and
         b"llmux_memory_reserved_bytes " in a.body and b"_first_byte_seconds_count" in a.body,
         "metrics", a.body[-200:])


TOOL = {"type": "function", "name": "look", "parameters": {
    "type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}}

# Name, on a new connection, request, check. Without a new one it is a further request on a
# connection that was kept alive.
STEPS = [
    ("models", True, get("/v1/models"), is_models),
    ("one model", False, get("/v1/models/slash%2Fed"), is_one_model),
    ("health", False, get("/healthz"), is_health),
    ("echo, chat stream", False,
     post("/v1/chat/completions", ask("echo", TEXT, stream=True)), is_echo_chat),
    ("echo, messages", False,
     post("/v1/messages", ask("echo", TEXT, max_tokens=99)), is_echo_messages),
    ("echo, responses tool", False,
     post("/v1/responses", {"model": "echo", "input": "use the tool", "tools": [TOOL]}),
     is_echo_tool),
    ("messages stream", True,
     post("/v1/messages", ask("claude-mock", TEXT, stream=True)), is_messages_stream),
    ("messages stream again", False,
     post("/v1/messages", ask("claude-mock", TEXT, stream=True)), is_messages_stream),
    ("count_tokens", False, post("/v1/messages/count_tokens", ask(
        "claude-mock", TEXT, max_tokens=5, stream=True, metadata={"a": 1})), is_count),
    ("count_tokens, echo", False,
     post("/v1/messages/count_tokens", ask("echo", TEXT)), is_count_estimate),
    ("chat", True, post("/v1/chat/completions", ask("small", TEXT)), is_chat_answer),
    ("chat, provider named", False,
     post("/v1/chat/completions", ask("local/small", TEXT)), is_chat_answer),
    ("chat, chain", False,
     post("/v1/chat/completions", ask("fast", TEXT, stream=True)), is_chat_stream),
    ("chat, no model", False, post("/v1/chat/completions", {
        k: v for k, v in ask("", TEXT, stream=True).items() if k != "model"}), is_chat_stream),
    ("chat, refused", False,
     post("/v1/chat/completions", ask("local/no", TEXT)), is_refused),
    ("chat, TLS", False, post("/v1/chat/completions", ask("far", TEXT)), is_no_tls),
    ("unknown model", False, post("/v1/chat/completions", ask("nobody's", TEXT)), is_unknown),
    ("no key", True, get("/v1/models").replace(KEY.encode(), b"llmux-wrong"), is_no_key),
    ("options", False, get("/v1/models").replace(b"GET", b"OPTIONS"), is_preflight),
    ("upload, chunked", True,
     post("/v1/chat/completions", ask("slash/ed", "u" * UPLOAD), True), is_large_answer),
    ("upload", False,
     post("/v1/chat/completions", ask("slash/ed", "v" * UPLOAD)), is_large_answer),
    ("metrics", True, get("/metrics"), is_metrics),
]
# After the reload: each provider once, so that the pool is the same in each run.
AGAIN = ("echo, chat stream", "messages stream", "chat")


def may_fail(a, request):
    """Is a (whole or not) an honest failure? A reason if not."""
    if a is None:
        return None
    if a.status >= 500:
        if not a.ended:
            return None
        try:
            v = json.loads(a.body)
        except ValueError:
            return "status %d without JSON: %r" % (a.status, a.body[:200])
        if not isinstance(v.get("error"), dict) or not v["error"].get("message") or \
                "type" not in v["error"]:
            return "status %d with another body: %r" % (a.status, a.body[:200])
        return None
    if not a.ended:
        return None
    if a.status != 200 or a.head.get("content-type") != "text/event-stream":
        return "status %d: %r" % (a.status, a.body[:200])
    events = datas(a.body)
    if any(d == "[DONE]" or '"message_stop"' in d for _, d in events):
        return "an end, but a wrong answer: %r" % a.body[-300:]
    for name, d in events:
        json.loads(d)
    name, last = events[-1]
    if "error" not in json.loads(last) or (
            request.startswith(b"POST /v1/messages") and name != "error"):
        return "a stream without an end: %r" % a.body[-300:]
    return None


class Run:
    """One life of the server, in which allocation n fails."""

    def __init__(self, llmux, n, mock, top):
        self.n, self.faults = n, []
        self.dir = tempfile.mkdtemp(prefix="n%d-" % n, dir=top)
        self.conf = CONF.format(key=KEY, dir=self.dir, up=UP_KEY, port=mock.server_address[1])
        with open(self.dir + "/conf", "w") as f:
            f.write(self.conf)
        with open(self.dir + "/key", "w") as f:
            f.write("# the key\n%s\n" % UP_KEY)
        shutil.copy(ROOTS, self.dir + "/ca.pem")
        os.chmod(self.dir + "/key", 0o600)
        os.chmod(self.dir + "/conf", 0o600)
        env = {"PATH": os.environ.get("PATH", ""), "HOME": self.dir, "LLMUX_STARVE": str(n),
               "ASAN_OPTIONS": "detect_leaks=1:exitcode=99", "UBSAN_OPTIONS": "exitcode=99"}
        with open(self.dir + "/out", "wb") as out, open(self.dir + "/err", "wb") as err:
            self.process = subprocess.Popen(
                [llmux, "serve", "-c", self.dir + "/conf"], cwd=self.dir, env=env,
                stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        self.port = self.client = self.reserved = None

    def text(self, name):
        with open(self.dir + "/" + name, errors="replace") as f:
            return f.read()

    def failed(self):
        """Has the failure happened?"""
        return "test: allocation %d failed" % self.n in self.text("err")

    def fault(self, what):
        self.faults.append(what)

    def wait_for(self, pattern, what):
        """Until stdout or stderr has pattern: the match, or None when the process ended."""
        due = time.monotonic() + STEP_S
        while time.monotonic() < due:
            ended = self.process.poll() is not None
            found = re.search(pattern, self.text("out") + self.text("err"), re.M)
            if found is not None or ended:
                return found
            time.sleep(0.004)
        raise Wrong("%s takes over %d s" % (what, STEP_S))

    def start(self):
        """False: it did not start, which may be."""
        found = self.wait_for(r"listening on http://127\.0\.0\.1:(\d+)$", "start")
        if found is not None:
            self.port = int(found.group(1))
            return True
        said = [x for x in self.text("err").splitlines() if " test: " not in x]
        if not self.failed() or self.process.returncode != 1 or not said:
            self.fault("start: exit status %d" % self.process.returncode)
        return False

    def step(self, step):
        name, fresh, request, check = step
        before = self.failed()
        due = time.monotonic() + STEP_S
        if fresh and self.client is not None:
            self.client.close()
            self.client = None
        answer, reason = None, "the connection was closed"
        try:
            if self.client is None:
                self.client = Client(self.port, due)
            self.client.due = due
            self.client.send(request)
            answer = self.client.read()
            check(answer)
            want(re.match(r"req_[0-9a-f]{18}$", answer.head.get("x-request-id", "")),
                 "x-request-id", answer.head)
            reason = None
        except Closed as e:
            answer = e.answer
        except OSError as e:
            reason = "the connection was refused: %s" % e
        except Wrong as e:
            reason = str(e)
            if " in %d s" % STEP_S in reason:
                before = True
        except (ValueError, KeyError, IndexError, TypeError) as e:
            reason = "%r in %r" % (e, answer.body[-200:] if answer else None)
        if reason is not None and not before and self.failed():
            try:
                reason = may_fail(answer, request)
            except (Wrong, ValueError, KeyError, IndexError, TypeError) as e:
                reason = "%r in %r" % (e, answer.body[-300:])
        if reason is not None:
            self.fault("%s: %s" % (name, reason))
        if answer is None or not answer.ended or answer.head.get("connection") == "close":
            if self.client is not None:
                self.client.close()
            self.client = None

    def reload(self):
        """All of the new configuration, or nothing of it."""
        before = self.failed()
        with open(self.dir + "/conf", "w") as f:
            f.write(MORE.format(dir=self.dir) + self.conf)
        self.process.send_signal(signal.SIGHUP)
        found = self.wait_for("(reloaded$|reload: .*stays$)", "reload")
        want(found is not None, "reload", self.text("err")[-300:])
        done = found.group(1) == "reloaded"
        if not done and (before or not self.failed()):
            self.fault("reload: %s" % found.group(1))
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(STEP_S)
        try:
            sock.connect(self.dir + "/state/sock")
            there = True
        except OSError:
            there = False
        sock.close()
        if there != done:
            self.fault("reload: %s, but the new listener is %sthere" % (
                found.group(1), "" if there else "not "))

    def metric(self, text, name):
        return int(re.search(r"^llmux_%s (\d+)$" % name, text, re.M).group(1))

    def settle(self, wanted):
        """What is reserved and open once the threads of closed connections are gone."""
        due = time.monotonic() + SETTLE_S
        while True:
            client = Client(self.port, time.monotonic() + STEP_S)
            try:
                client.send(get("/metrics"))
                answer = client.read()
            finally:
                client.close()
            if answer.status != 200:
                raise Closed(answer)
            text = answer.body.decode()
            seen = {x: self.metric(text, x) for x in (
                "memory_reserved_bytes", "client_connections", "pool_idle_connections",
                "streams_open")}
            if seen == wanted or time.monotonic() > due or (
                    wanted is None and seen["client_connections"] == 1):
                return seen
            time.sleep(0.01)

    def use(self, wanted):
        for step in STEPS:
            self.step(step)
        self.reload()
        for _ in range(2):
            before = self.failed()
            for step in STEPS:
                if step[0] in AGAIN:
                    self.step(step)
            if before or not self.failed():
                break
        if self.client is not None:
            self.client.close()
        before = self.failed()
        try:
            self.reserved = self.settle(wanted)
        except Closed as e:
            reason = "closed" if before else may_fail(e.answer, b"GET")
            if reason is not None:
                self.fault("metrics at the end: %s" % reason)
            self.reserved = self.settle(wanted)
        if wanted is not None and self.reserved != wanted:
            self.fault("left behind: %s, without a failure: %s" % (self.reserved, wanted))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STEP_S)
        except subprocess.TimeoutExpired:
            raise Wrong("stop takes over %d s" % STEP_S)
        if code != 0:
            self.fault("exit status %d" % code)

    def run(self, wanted):
        """True when the failure happened."""
        try:
            if self.start():
                self.use(wanted)
                self.stop()
        except (Wrong, Closed, OSError, AttributeError) as e:
            self.fault("%s: %s" % (type(e).__name__, e))
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self.client is not None:
                self.client.close()
        err = self.text("err")
        if "Sanitizer" in err or "runtime error" in err:
            self.fault("report of a sanitizer")
        happened = self.failed()
        if self.faults:
            print("FAIL allocation %d: %s" % (self.n, "\n    ".join(self.faults)))
            for line in (self.text("out").splitlines()[-6:] + err.splitlines()[:40]):
                print("    | " + line[:200])
            sys.stdout.flush()
        shutil.rmtree(self.dir, ignore_errors=True)
        return happened


class Torture:
    """The numbers to try, shared by the threads that try them."""

    def __init__(self, llmux, first, last, mock, top):
        self.llmux, self.mock, self.top = llmux, mock, top
        self.lock = threading.Lock()
        self.next, self.last = first, last
        self.tried = self.bad = self.reached = 0

    def take(self):
        with self.lock:
            n = self.next
            if n > self.last:
                return None
            self.next += 1 if n < DENSE else STRIDE
            return n

    def work(self, wanted):
        while True:
            n = self.take()
            if n is None:
                return
            run = Run(self.llmux, n, self.mock, self.top)
            happened = run.run(wanted)
            with self.lock:
                if not happened and not run.faults:
                    self.last = min(self.last, n)
                    return
                self.tried += 1
                self.bad += 1 if run.faults else 0
                self.reached = max(self.reached, n)


def main(argv):
    if len(argv) not in (2, 3, 4):
        print(__doc__.strip().splitlines()[2].strip(), file=sys.stderr)
        return 2
    llmux = os.path.abspath(argv[1])
    first = int(argv[2]) if len(argv) > 2 else 1
    last = int(argv[3]) if len(argv) > 3 else MANY
    mock = MockServer(("127.0.0.1", 0), Mock)
    threading.Thread(target=mock.serve_forever, daemon=True).start()
    top = tempfile.mkdtemp(prefix="llmux-torture-")
    began = time.monotonic()
    try:
        whole = Run(llmux, MANY, mock, top)
        whole.run(None)
        if whole.faults or whole.reserved is None:
            print("0 passed, 1 failed")
            return 1
        t = Torture(llmux, first, last, mock, top)
        workers = [threading.Thread(target=t.work, args=(whole.reserved,)) for _ in range(JOBS)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
    finally:
        shutil.rmtree(top, ignore_errors=True)
    for fault in mock.faults:
        print("FAIL " + fault)
    failed = t.bad + len(mock.faults)
    if t.tried == 0:
        print("FAIL no allocation failed: is %s a build with LLMUX_TEST?" % llmux)
        failed += 1
    print("allocations up to %d, %d of them failed, %d s" % (
        t.reached, t.tried, time.monotonic() - began))
    print("%d passed, %d failed" % (t.tried - t.bad + 1, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
