#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Accounts end to end: every way to log in, to carry a login about, and to lose none.

    python3 tests/accounts.py LLMUX [-j N] [CASE...]

Each case has an empty home, a mock of both providers of its own (mock_accounts.py) and the real
binary: on a pseudo-terminal, in pipes, as a server. After each one: no token, code or verifier in
anything that was printed, logged or asked for by URL (but where a command's whole purpose is to
print a token), and no refresh token that was used twice.

The callback's ports are chosen by the kernel in test builds (LLMUX_TEST); another build takes
1455 and 1457. Needed: python3, Linux. Last line: "N passed, N failed". Exit status 0 if none
failed, 2 usage.
"""
import argparse
import concurrent.futures
import contextlib
import glob
import http.client
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback
import urllib.parse

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mock_accounts  # noqa: E402

WAIT_S = 20           # for anything that a case waits for
NOBODY = 65534
CONF = """listen = 127.0.0.1:0
state_dir = {home}/state
log_level = debug
[provider claude]
base_url = {url}
authorize_url = {url}/claude/authorize
token_url = {url}/claude/token
[provider chatgpt]
base_url = {url}
auth_url = {url}
"""
LLMUX = None
PORTS = threading.Lock()    # one callback listener at a time, should they be 1455 and 1457


class Failed(Exception):
    pass


class NoTerminal(Exception):
    """This machine has no pseudo-terminals (a bare chroot)."""


def check(good, what):
    if not good:
        raise Failed(what)


def until(question, what, seconds=WAIT_S):
    due = time.monotonic() + seconds
    while True:
        got = question()
        if got:
            return got
        check(time.monotonic() < due, "waited in vain for " + what)
        time.sleep(0.02)


class Run:
    """A process of llmux on a pseudo-terminal (tty) or between pipes; what it says is kept."""

    def __init__(self, home, argv, tty=False, stdin=None, stdout_secret=False, env=None,
                 stdout_pipe=False, limit=None, user=None, no_stdin=False):
        self.home, self.secret = home, stdout_secret
        self.out, self.err = b"", b""
        self.master, slave = None, None
        full = [LLMUX] + list(argv)
        # A full disk: files of no byte, and no signal for it.
        if limit is not None:
            full = ["sh", "-c", "trap '' XFSZ; ulimit -f %d; exec \"$@\"" % limit, "sh"] + full
        if tty:
            try:
                self.master, slave = pty.openpty()
            except OSError as e:
                raise NoTerminal from e
            mode = termios.tcgetattr(slave)
            mode[3] &= ~termios.ECHO    # a terminal would show what was pasted
            mode[1] &= ~termios.OPOST
            termios.tcsetattr(slave, termios.TCSANOW, mode)
            # The first terminal that a session leader opens becomes its own: /dev/tty.
            name = os.ttyname(slave)
            if user is not None:
                os.chown(name, user, user)
            redirect = ' 2> "$T"' + ("" if stdout_pipe else ' > "$T"')
            redirect += " < /dev/null" if no_stdin else ' < "$T"'
            full = ["sh", "-c", 'T=$1; shift; exec 3<> "$T"; exec "$@" 3>&-' + redirect, "sh",
                    name] + full
        extra = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        self.p = subprocess.Popen(
            full, env=dict(home.env, **(env or {})), start_new_session=True, cwd=home.dir,
            stdin=slave if tty else subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE if stdout_pipe or not tty else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if tty else subprocess.PIPE, **extra)
        if slave is not None:
            os.close(slave)
        self.fds = {}
        if self.p.stdout is not None:
            self.fds[self.p.stdout.fileno()] = "out"
        if tty:
            self.fds[self.master] = "err"
        else:
            self.fds[self.p.stderr.fileno()] = "err"
        if stdin not in (None, "open"):
            self.send(stdin, eof=True)
        home.runs.append(self)

    def pump(self, seconds):
        """Read what is there. False: everything has ended."""
        if not self.fds:
            return False
        ready = select.select(list(self.fds), [], [], seconds)[0]
        for fd in ready:
            try:
                data = os.read(fd, 65536)
            except OSError:     # the other side of a pseudo-terminal is closed
                data = b""
            if not data:
                del self.fds[fd]
            elif self.fds[fd] == "out":
                self.out += data
            else:
                self.err += data
        return True

    def said(self):
        return (self.out + self.err).decode(errors="replace")

    def expect(self, pattern, seconds=WAIT_S):
        due = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.said(), re.S)
            if found is not None:
                return found
            if not self.pump(0.1) or time.monotonic() > due:
                raise Failed("%s: no %r in: %s" % (self.p.args[-2:], pattern, self.said()[-900:]))

    def send(self, text, eof=False):
        data = text.encode()
        if self.master is not None:
            os.write(self.master, data)
            return
        with contextlib.suppress(BrokenPipeError):
            self.p.stdin.write(data)
            self.p.stdin.flush()
        if eof:
            with contextlib.suppress(BrokenPipeError):
                self.p.stdin.close()

    def wait(self, code=0, seconds=WAIT_S):
        due = time.monotonic() + seconds
        while self.pump(0.1):
            check(time.monotonic() < due, "does not end: " + self.said()[-900:])
        got = self.p.wait(max(0.1, due - time.monotonic()))
        check(code is None or got == code, "%s: exit status %d, not %s: %s" % (
            self.p.args[-3:], got, code, self.said()[-900:]))
        return self

    def url(self):
        """The authorize URL that it shows."""
        return self.expect(r"(http://127\.0\.0\.1:\d+/[a-z]+/authorize\?\S+)\s").group(1)

    def end(self):
        if self.p.poll() is None:
            self.p.kill()
        while self.pump(0.2) and self.fds:
            pass
        self.p.wait()
        for f in (self.p.stdin, self.p.stdout, self.p.stderr):
            if f is not None:
                with contextlib.suppress(OSError):
                    f.close()
        if self.master is not None:
            os.close(self.master)
            self.master = None


class Home:
    """An empty home with a configuration whose every URL is the mock's."""

    def __init__(self, mock, directory, more=""):
        self.mock, self.dir = mock, directory
        os.makedirs(directory)
        self.state = directory + "/state"
        self.conf = directory + "/llmux.conf"
        self.runs, self.servers = [], []
        with open(self.conf, "w") as f:
            f.write(CONF.format(home=directory, url=mock.url) + more)
        os.chmod(self.conf, 0o600)
        self.env = {"HOME": directory, "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
                    "LLMUX_CONFIG": self.conf, "LLMUX_CALLBACK_PORTS": "0,0",
                    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}

    def run(self, *argv, **options):
        return Run(self, argv, **options)

    def do(self, *argv, code=0, **options):
        return Run(self, argv, **options).wait(code)

    def path(self, kind):
        return self.state + {"claude": "/tokens.json", "chatgpt": "/chatgpt/tokens.json"}.get(
            kind, "/accounts/%s.json" % kind)

    def tokens(self, kind):
        with open(self.path(kind)) as f:
            return json.load(f)

    def put(self, kind, doc):
        path = self.path(kind)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        text = doc if isinstance(doc, str) else json.dumps(doc)
        with open(path + ".new", "w") as f:
            f.write(text)
        os.chmod(path + ".new", 0o600)
        os.rename(path + ".new", path)

    def private(self, path):
        for p, mode in ((path, 0o600), (os.path.dirname(path), 0o700)):
            check(stat.S_IMODE(os.stat(p).st_mode) == mode, "mode of " + p)

    def login(self, kind):
        """Logged in, by the shortest way."""
        r = self.run("login", kind, "--paste", stdin="open")
        code, state, redirect = self.mock.authorize(r.url())
        r.send("%s?code=%s&state=%s\n" % (redirect, code, state), eof=True)
        r.wait(0)

    def serve(self, **options):
        s = Serve(self, **options)
        self.servers.append(s)
        return s

    def end(self):
        for s in self.servers:
            s.stop()
        for r in self.runs:
            r.end()


class Serve:
    def __init__(self, home, env=None, limit=None):
        self.home = home
        n = len(home.servers)
        self.log = "%s/serve%d.log" % (home.dir, n)
        argv = [LLMUX, "serve"]
        if limit is not None:
            argv = ["sh", "-c", "trap '' XFSZ; ulimit -f %d; exec \"$@\"" % limit, "sh"] + argv
        # Through a pipe: a log file would be full, too.
        self.p = subprocess.Popen(argv, env=dict(home.env, **(env or {})), cwd=home.dir,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, start_new_session=True)
        self.text = b""
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.port = int(until(self.listening, "the server: " + self.said()).group(1))

    def read(self):
        while True:
            data = os.read(self.p.stdout.fileno(), 65536)
            if not data:
                return
            self.text += data

    def said(self):
        return self.text.decode(errors="replace")

    def listening(self):
        check(self.p.poll() is None, "the server ended: " + self.said()[-600:])
        return re.search(r"listening on http://127\.0\.0\.1:(\d+)\n", self.said())

    def ask(self, path="/v1/messages", model="claude-haiku-5-5", key=None, timeout=WAIT_S):
        """One request: (status, body)."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        fields = {"Content-Type": "application/json", "anthropic-version": "2023-06-01"}
        if key is not None:
            fields["Authorization"] = "Bearer " + key
        body = {"model": model, "max_tokens": 16, "messages": [{"role": "user", "content": "hi"}]}
        if path == "/v1/responses":
            body = {"model": model, "input": "hi", "stream": True}
        try:
            c.request("POST", path, json.dumps(body), fields)
            a = c.getresponse()
            return a.status, a.read().decode(errors="replace")
        finally:
            c.close()

    def good(self, **options):
        status, body = self.ask(**options)
        check(status == 200, "status %d: %s; log: %s" % (status, body[:300], self.said()[-600:]))

    def becomes(self, status, seconds=2, **options):
        """Another process did something: this must be seen within a second or so."""
        until(lambda: self.ask(**options)[0] == status, "status %d" % status, seconds)

    def stop(self):
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGTERM)
            try:
                self.p.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self.p.kill()
                self.p.wait()
                raise Failed("the server does not stop")
        self.reader.join(5)
        self.p.stdout.close()


def pasted(r, mock, form="{code}#{state}"):
    code, state, redirect = mock.authorize(r.url())
    return form.format(code=code, state=state, redirect=redirect) + "\n"


def logged_in(home, kind, r=None):
    path = home.path(kind)
    check(os.path.exists(path), "no " + path)
    home.private(path)
    if r is not None:
        check(re.search(r"logged in: (ana|kim)@example\.org \(\w+\)", r.said()), r.said()[-700:])
        check("does not prove" in r.said(), "the probe is missing: " + r.said()[-500:])
        check("state: " in r.said(), "no state line")
    left = glob.glob(home.state + "/login-*") + glob.glob(home.state + "/**/*tmp*", recursive=True)
    check(not left, "left behind: %s" % left)


def nothing_stored(home, kind="claude"):
    check(not os.path.exists(home.path(kind)), "a login was stored")
    left = [p for p in glob.glob(home.state + "/**", recursive=True)
            if os.path.isfile(p) and not p.endswith(".lock")]
    check(not left, "left behind: %s" % left)


CASES = []


def case(fn):
    CASES.append(fn)
    return fn


# ---- ways to log in ----

@case
def claude_paste_on_a_terminal(h, m):
    r = h.run("login", "claude", tty=True)
    r.send(pasted(r, m))
    r.wait(0)
    logged_in(h, "claude", r)
    check(h.tokens("claude")["token_type"] == "oauth_flow", "shape")
    h.serve().good()


@case
def claude_paste_in_a_pipe(h, m):
    r = h.run("login", "claude", "--paste", stdin="open")
    r.send(pasted(r, m, "{redirect}?code={code}&state={state}"), eof=True)
    r.wait(0)
    logged_in(h, "claude", r)
    check(r.out.startswith(b"logged in: "), "stdout: %r" % r.out[:200])


@case
def claude_bare_code(h, m):
    r = h.run("login", "claude", stdin="open")
    r.send("\n  \n")        # return, pressed too early, is no answer
    r.send(pasted(r, m, "  {code}  "), eof=True)
    r.wait(0)
    logged_in(h, "claude", r)


@case
def claude_two_processes(h, m):
    r = h.do("login", "claude", "--url")
    lines = r.out.decode().splitlines()
    check(len(lines) == 1, "stdout: %r" % r.out)
    path = h.state + "/login-claude.json"
    h.private(path)
    r.expect(r"llmux login claude --code -\n")
    code, state, _ = m.authorize(lines[0])
    r = h.do("login", "claude", "--code", "-", stdin="%s#%s\n" % (code, state))
    check(not os.path.exists(path), "the flow file stays")
    logged_in(h, "claude", r)
    h.do("login", "claude", "--code", "-", stdin="x#y\n", code=1).expect("no login is under way")


@case
def chatgpt_two_processes(h, m):
    r = h.do("login", "chatgpt", "--url", "--as", "work", code=0)
    r.expect(r"llmux login chatgpt --as work --code -\n")
    code, state, redirect = m.authorize(r.out.decode().strip())
    h.do("login", "chatgpt", "--as=work", "--code=-",
         stdin="%s?code=%s&state=%s" % (redirect, code, state))
    logged_in(h, "work")
    check(h.tokens("work")["tokens"]["account_id"] == mock_accounts.ACCOUNT, "account id")


@case
def chatgpt_paste_on_a_terminal(h, m):
    r = h.run("login", "chatgpt", "--paste", tty=True)
    r.send(pasted(r, m, "{redirect}?code={code}&state={state}"))
    r.wait(0)
    logged_in(h, "chatgpt", r)
    h.serve().good(path="/v1/responses", model="gpt-5.2")


def visit(port, target, family=socket.AF_INET, text=None):
    """What a browser gets at the callback: (status, page)."""
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(WAIT_S)
        s.connect(("127.0.0.1" if family == socket.AF_INET else "::1", port))
        s.sendall((text or "GET %s HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % (
            target, port)).encode())
        data = b""
        while True:
            part = s.recv(65536)
            if not part:
                break
            data += part
    head, _, page = data.partition(b"\r\n\r\n")
    check(b"\r\nConnection: close" in head, "callback head: %r" % head)
    size = re.search(rb"\r\nContent-Length: (\d+)", head)
    check(size is not None and int(size.group(1)) == len(page), "callback head: %r" % head)
    return int(head.split()[1]), page.decode()


def callback(h, m, family, **options):
    with PORTS:
        r = h.run("login", "chatgpt", **options)
        code, state, redirect = m.authorize(r.url())
        port = urllib.parse.urlsplit(redirect).port
        r.expect("ssh -L")
        check("--device" in r.said(), "the other way is not shown")
        # What does not end it: other pages, other states, a browser's mute connection.
        mute = socket.create_connection(("127.0.0.1", port))
        check(visit(port, "/favicon.ico")[0] == 404, "favicon")
        for query in ("code=%s&state=%s" % (code, "x" * 43), "code=" + code, ""):
            status, page = visit(port, "/auth/callback?" + query)
            check(status == 400 and code not in page, "state mismatch: %d" % status)
        check(m.exchanges == 0, "exchanged in spite of the state")
        check(visit(port, "", text="rubbish\r\n\r\n")[0] == 400, "rubbish")
        status, page = visit(port, "/auth/callback?code=%s&state=%s" % (code, state), family)
        check(status == 200 and "Logged in" in page, "the end: %d %s" % (status, page))
        mute.close()
        r.wait(0)
    logged_in(h, "chatgpt", r)
    return r


@case
def chatgpt_callback_v4_on_a_terminal(h, m):
    callback(h, m, socket.AF_INET, tty=True)


@case
def chatgpt_callback_v6_without_stdin(h, m):
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
            s.bind(("::1", 0))
        family = socket.AF_INET6
    except OSError:     # this machine has no IPv6
        family = socket.AF_INET
    callback(h, m, family)


@case
def chatgpt_paste_beside_the_callback(h, m):
    with PORTS:
        r = h.run("login", "chatgpt", tty=True)
        r.send("code_wrong#%s\n" % ("x" * 43))
        r.expect("paste again")
        r.send(pasted(r, m, "code={code}&state={state}"))
        r.wait(0)
    logged_in(h, "chatgpt", r)


@case
def chatgpt_callback_denied(h, m):
    with PORTS:
        r = h.run("login", "chatgpt")
        _, state, redirect = m.authorize(r.url())
        port = urllib.parse.urlsplit(redirect).port
        status, page = visit(port, "/auth/callback?error=access_denied&error_description="
                             "The+user+said+%3Cno%3E&state=" + state)
        check("<no>" not in page and "&lt;no&gt;" in page, "not escaped: " + page)
        check(status == 400, "status %d" % status)
        r.wait(1)
    r.expect("access_denied")
    nothing_stored(h, "chatgpt")


@case
def chatgpt_workspace_without_codex(h, m):
    with PORTS:
        r = h.run("login", "chatgpt")
        _, state, redirect = m.authorize(r.url())
        visit(urllib.parse.urlsplit(redirect).port, "/auth/callback?error=access_denied&"
              "error_description=missing_codex_entitlement&state=" + state)
        r.wait(1)
    r.expect("workspace has no Codex access")


@case
def chatgpt_cancelled(h, m):
    with PORTS:
        r = h.run("login", "chatgpt")
        port = urllib.parse.urlsplit(m.authorize(r.url())[2]).port
        check(visit(port, "/cancel")[0] == 200, "cancel")
        r.wait(1)
    nothing_stored(h, "chatgpt")


@case
def chatgpt_port_taken(h, m):
    with socket.socket() as s, PORTS:
        s.bind(("127.0.0.1", 0))
        s.listen()
        taken = s.getsockname()[1]
        r = h.run("login", "chatgpt", stdin="open", env={
            "LLMUX_CALLBACK_PORTS": "%d,0" % taken})
        port = urllib.parse.urlsplit(m.authorize(r.url())[2]).port
        if port not in (1455, 1457):
            r.expect("port %d is taken" % taken)
            check(port != taken, "the taken port is in the URL")
        r.send(pasted(r, m, "{redirect}?code={code}&state={state}"))
        r.wait(0)
        r = h.run("login", "chatgpt", stdin="open", env={
            "LLMUX_CALLBACK_PORTS": "%d,%d" % (taken, taken)})
        if port not in (1455, 1457):
            r.expect("only pasting is left")
        r.send(pasted(r, m, "{redirect}?code={code}&state={state}"))
        r.wait(0)


@case
def chatgpt_device_on_a_terminal(h, m):
    r = h.run("login", "chatgpt", "--device", tty=True)
    code = r.expect(r"\b(ABCD-\d{5})\b").group(1)
    r.expect(r"\r[^\n]*\d+:\d\d")
    check("started this login yourself" in r.said(), "no warning")
    m.approve(code)
    r.wait(0)
    logged_in(h, "chatgpt", r)


@case
def chatgpt_device_in_a_pipe(h, m):
    r = h.run("login", "chatgpt", "--device")
    m.approve(r.expect(r"\b(ABCD-\d{5})\b").group(1))
    r.wait(0)
    check(b"\r" not in r.err, "a countdown in a file")
    logged_in(h, "chatgpt", r)


@case
def chatgpt_device_switched_off(h, m):
    m.device_off = True
    h.do("login", "chatgpt", "--device", code=1).expect("not switched on")


@case
def environment(h, m):
    with m.lock:
        g = mock_accounts.Grant("claude", True)
        token = m.turn(g, 3600)["access_token"]
        c = mock_accounts.Grant("chatgpt")
        jwt = m.turn(c, 3600)["access_token"]
    s = h.serve(env={"ANTHROPIC_OAUTH_TOKEN": token, "CHATGPT_ACCESS_TOKEN": jwt,
                     "CHATGPT_ACCOUNT_ID": mock_accounts.ACCOUNT})
    s.good()
    s.good(path="/v1/responses", model="gpt-5.2")
    s.stop()
    for path in glob.glob(h.state + "/**", recursive=True):
        if os.path.isfile(path):
            with open(path, errors="replace") as f:
                check(token not in f.read(), "written down: " + path)


@case
def environment_refresh_token(h, m):
    with m.lock:
        g = mock_accounts.Grant("chatgpt")
        first = m.turn(g, 3600)["refresh_token"]
    env = {"CHATGPT_REFRESH_TOKEN": first}
    s = h.serve(env=env)
    s.good(path="/v1/responses", model="gpt-5.2")
    s.stop()
    check(g.turns == 2, "turns: %d" % g.turns)
    # Single use: a second start goes on with what the first one stored.
    m.expire()
    s = h.serve(env=env)
    s.good(path="/v1/responses", model="gpt-5.2")
    check(g.turns == 3 and g.alive, "the chain broke")


def given_to_nobody(h):
    """The user as whom a case runs that the superuser cannot run; None: as now."""
    if os.getuid() != 0:
        return None
    for p in (h.dir, h.state, h.conf):
        os.chown(p, NOBODY, NOBODY)
    return NOBODY


@case
def browser(h, m):
    os.makedirs(h.state)
    user = given_to_nobody(h)
    seen = h.dir + "/seen"
    with open(h.dir + "/xdg-open", "w") as f:
        f.write("#!/bin/sh\nprintf '%%s' \"$*\" > %s.new\nmv %s.new %s\n" % (seen, seen, seen))
    os.chmod(h.dir + "/xdg-open", 0o755)
    env = {"PATH": "/bin:/usr/bin:" + h.dir, "DISPLAY": ":7"}
    for more, opened in (({}, True), ({"SSH_CONNECTION": "1 2 3 4"}, False),
                         ({"DISPLAY": ""}, False), ({"PATH": "/bin"}, False)):
        r = h.run("login", "claude", tty=True, user=user, env=dict(env, **more))
        url = r.url()
        r.expect("Then paste")
        check(("A browser opens" in r.said()) == opened, "%s: %s" % (more, r.said()[:200]))
        if opened:
            until(lambda: os.path.exists(seen), "the browser")
            with open(seen) as f:
                check(f.read() == url, "another address")
            os.unlink(seen)
        r.send("\x03")
        r.wait(-signal.SIGINT)
    time.sleep(0.2)
    check(not os.path.exists(seen), "a browser where nobody sees it")


# ---- setup token ----

def token_of(r):
    text = r.out.decode()
    check(re.fullmatch(r"sk-ant-oat01-[\w-]+\n", text), "stdout holds more, or less")
    return text


@case
def setup_token_into_import(h, m):
    r = h.run("setup-token", tty=True, stdout_pipe=True, stdout_secret=True)
    r.send(pasted(r, m))
    r.wait(0)
    token = token_of(r)
    check(h.tokens("claude")["token_type"] == "long_term", "not stored as the login")
    other = other_home(h, m)
    other.do("import", "-", stdin=token)
    check(other.tokens("claude")["access_token"] == token.strip(), "not imported")
    other.serve().good()


@case
def setup_token_asks_the_terminal(h, m):
    r = h.run("setup-token", tty=True, no_stdin=True, stdout_pipe=True, stdout_secret=True)
    r.send(pasted(r, m))
    r.wait(0)
    token_of(r)


@case
def setup_token_from_a_pipe(h, m):
    r = h.run("setup-token", "--no-save", stdin="open", stdout_secret=True)
    r.send(pasted(r, m), eof=True)
    r.wait(0)
    token_of(r)
    nothing_stored(h)


@case
def setup_token_beside_a_login(h, m):
    h.login("claude")
    before = h.tokens("claude")
    r = h.run("setup-token", stdin="open", stdout_secret=True)
    r.send(pasted(r, m), eof=True)
    r.wait(0)
    r.expect("claude-setup.json")
    check(h.tokens("claude")["access_token"] == before["access_token"], "the login is gone")
    check(h.tokens("claude-setup")["access_token"] == token_of(r).strip(), "not stored beside")


@case
def setup_token_refused(h, m):
    m.setup = "refuse"
    r = h.run("setup-token", stdin="open", stdout_secret=True)
    r.send(pasted(r, m), eof=True)
    r.wait(1)
    r.expect("Custom expires_in is not allowed")
    r.expect("llmux login claude")
    check(r.out == b"", "stdout: %r" % r.out)
    nothing_stored(h)


@case
def setup_token_of_eight_hours(h, m):
    m.setup = "short"
    r = h.run("setup-token", stdin="open", stdout_secret=True)
    r.send(pasted(r, m), eof=True)
    r.wait(1)
    check(r.out == b"", "an 8-hour token was given as a long one")
    nothing_stored(h)


# ---- moving and leaving ----

def other_home(h, m, more=""):
    other = Home(m, h.dir + "-other%d" % len(h.runs), more)
    h.others.append(other)
    return other


def export_import(h, m, kind, **ask):
    h.login(kind)
    r = h.do("export", kind, stdout_secret=True)
    other = other_home(h, m)
    other.do("import", "-", stdin=r.out.decode())
    other.private(other.path(kind))
    m.expire()
    old, new = h.serve(), other.serve()
    new.good(**ask)
    check(m.refreshes == 1, "refreshes: %d" % m.refreshes)
    status, body = old.ask(**ask)
    check(status == 401, "the source still answers: %d %s" % (status, body[:200]))
    new.good(**ask)
    check(m.refreshes == 1 and not m.reused, "the source refreshed, too")


@case
def export_import_claude(h, m):
    export_import(h, m, "claude")


@case
def export_import_chatgpt(h, m):
    export_import(h, m, "chatgpt", path="/v1/responses", model="gpt-5.2")


@case
def logout_revokes(h, m):
    h.login("chatgpt")
    refresh = h.tokens("chatgpt")["tokens"]["refresh_token"]
    r = h.do("logout", "chatgpt")
    check(m.revoked == [refresh], "not revoked")
    r.expect("logged out: chatgpt")
    check("revoked at the provider" in r.said(), r.said())
    nothing_stored(h, "chatgpt")


@case
def logout_of_others(h, m):
    h.login("claude")
    r = h.do("logout", "nobody", code=1)
    r.expect("nobody: no such login; there are: claude")
    h.do("logout", code=2)
    h.do("logout", "claude").expect("not revoked: ")
    nothing_stored(h)


@case
def logout_without_the_provider(h, m):
    h.login("chatgpt")
    m.close()
    h.do("logout", "chatgpt", code=0).expect("not revoked: ")
    nothing_stored(h, "chatgpt")


# ---- bad input ----

@case
def wrong_code(h, m):
    r = h.run("login", "claude", stdin="open")
    state = m.authorize(r.url())[1]
    r.send("code_invented#%s\n" % state, eof=True)
    r.wait(1)
    r.expect("invalid_grant")
    nothing_stored(h)


@case
def used_code(h, m):
    url = h.do("login", "claude", "--url").out.decode().strip()
    text = "%s#%s\n" % m.authorize(url)[:2]
    with m.lock:
        m.codes[text.split("#")[0]]["used"] = True
    h.do("login", "claude", "--code", "-", stdin=text, code=1).expect("start the login again")
    nothing_stored(h)


@case
def wrong_state(h, m):
    r = h.run("login", "claude", stdin="open")
    code = m.authorize(r.url())[0]
    for _ in range(3):
        r.send("%s#%s\n" % (code, "x" * 43))
    r.wait(1)
    check(r.said().count("paste again") == 2, r.said())
    check(m.exchanges == 0, "exchanged in spite of the state")
    nothing_stored(h)


@case
def end_of_input(h, m):
    h.do("login", "claude", stdin="", code=1).expect("input ended")
    nothing_stored(h)


@case
def stale_flow(h, m):
    url = h.do("login", "claude", "--url").out.decode().strip()
    path = h.state + "/login-claude.json"
    with open(path) as f:
        doc = json.load(f)
    doc["time"] -= 16 * 60
    with open(path, "w") as f:
        json.dump(doc, f)
    h.do("login", "claude", "--code", "-", stdin="%s#%s\n" % m.authorize(url)[:2],
         code=1).expect("over 15 minutes old")
    check(m.exchanges == 0, "exchanged")


@case
def trouble_at_the_exchange(h, m):
    for name, code, words in (("challenge", (1, 75), "403"), ("html", (1, 75), ""),
                              ("redirect", (1,), "302"), ("busy", (75,), ""),
                              ("cut", (1, 75), ""), ("array", (1, 75), ""),
                              ("empty", (1, 75), "")):
        r = h.run("login", "claude", stdin="open")
        text = pasted(r, m)
        m.script = [name] * 3
        r.send(text, eof=True)
        r.wait(None)
        m.script = []
        check(r.p.returncode in code, "%s: exit status %d: %s" % (
            name, r.p.returncode, r.said()[-300:]))
        check(words in r.said(), "%s: %s" % (name, r.said()[-400:]))
        check("llmux: login: claude: " in r.said(), "%s: no reason" % name)
        nothing_stored(h)


@case
def provider_is_away(h, m):
    r = h.run("login", "claude", stdin="open")
    text = pasted(r, m)
    m.close()
    r.send(text, eof=True)
    r.wait(75)
    nothing_stored(h)


@case
def no_account_id(h, m):
    m.claims = False
    r = h.run("login", "chatgpt", "--paste", stdin="open")
    r.send(pasted(r, m), eof=True)
    r.wait(1)
    r.expect("account id")


@case
def probe_refused(h, m):
    r = h.run("login", "claude", stdin="open")
    text = pasted(r, m)
    m.api_script = [403, 403, 403]
    r.send(text, eof=True)
    r.wait(0)
    r.expect("This plan is not allowed here")
    check(os.path.exists(h.path("claude")), "the login was thrown away")


@case
def misuse(h, m):
    for argv in (["login"], ["login", "nobody"], ["login", "claude", "--device"],
                 ["login", "claude", "--code", "abc#def"], ["login", "claude", "--as", "echo"],
                 ["login", "claude", "--as", "../x"], ["login", "claude", "--as", "chatgpt"],
                 ["login", "claude", "--frob"], ["setup-token", "--frob"], ["logout", "a", "b"]):
        h.do(*argv, code=2)
    check(not m.requests, "asked the provider")


@case
def broken_files(h, m):
    for text in ("", "{\"token_type\":\"oauth_flow\",\"access_tok", "[1,2]", "null", "\0\0\0"):
        h.put("claude", text)
        s = h.serve()
        status, body = s.ask()
        check(status == 401, "with %r: status %d %s" % (text, status, body[:200]))
        h.do("status")
        h.login("claude")       # a new login mends it, and is seen at once
        s.becomes(200)
        s.stop()


@case
def file_that_others_may_read(h, m):
    h.login("claude")
    os.chmod(h.path("claude"), 0o644)
    s = h.serve()
    s.good()
    h.private(h.path("claude"))
    check("tokens.json" in s.said(), "no warning")


@case
def directory_that_cannot_be_written(h, m):
    os.makedirs(h.state)
    os.chmod(h.state, 0o500)
    user = given_to_nobody(h)
    r = h.do("login", "claude", stdin="", code=1, user=user)
    check("ermission denied" in r.said() and "state" in r.said(), r.said()[-400:])
    check(m.exchanges == 0, "a code was used up")


@case
def disk_full_at_login(h, m):
    r = h.run("login", "claude", tty=True, limit=0, stdout_secret=True, stdout_pipe=True)
    r.send(pasted(r, m))
    r.expect("could not be saved")
    r.expect("print it here")
    r.send("y\n")
    r.wait(1)
    refresh = re.search(rb"sk-ant-ort01-[\w-]+", r.out)
    check(refresh is not None, "the login is lost")
    other = other_home(h, m)
    other.do("import", "-", stdin=r.out.decode())
    other.serve().good()


@case
def disk_full_and_nobody_there(h, m):
    r = h.run("login", "claude", stdin="open", limit=0)
    r.send(pasted(r, m), eof=True)
    r.wait(1)
    r.expect("could not be saved")
    nothing_stored(h)


@case
def control_c_leaves_nothing(h, m):
    r = h.run("login", "claude", tty=True)
    r.url()
    time.sleep(0.1)
    r.send("\x03")
    r.wait(-signal.SIGINT)
    nothing_stored(h)


# ---- many at a time ----

def crowd(servers, n):
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return list(pool.map(lambda i: servers[i % len(servers)].ask(), range(n)))


@case
def fifty_requests_at_expiry(h, m):
    h.login("claude")
    doc = h.tokens("claude")
    doc["expires_at"] = int(time.time()) - 10
    h.put("claude", doc)
    m.expire()
    m.slow = 0.3
    got = crowd([h.serve()], 50)
    bad = [g for g in got if g[0] != 200]
    check(not bad, "%d failed: %s" % (len(bad), bad[:1]))
    check(m.refreshes == 1 and not m.reused, "refreshes: %d" % m.refreshes)


@case
def fifty_requests_get_401(h, m):
    h.login("claude")
    s = h.serve()
    s.good()
    m.expire()      # the file says that it is still good
    m.slow = 0.3
    got = crowd([s], 50)
    bad = [g for g in got if g[0] != 200]
    check(not bad, "%d failed: %s" % (len(bad), bad[:1]))
    check(m.refreshes == 1 and not m.reused, "refreshes: %d" % m.refreshes)


@case
def two_servers_one_login(h, m):
    # A state directory has one server; two of them share a login by its file.
    h.login("claude")
    other = other_home(h, m)
    a, b = h.serve(), other.serve(env={"TOKEN_FILE": h.path("claude")})
    doc = h.tokens("claude")
    doc["expires_at"] = int(time.time()) - 10
    h.put("claude", doc)
    m.expire()
    m.slow = 0.3
    time.sleep(1.1)
    got = crowd([a, b], 20)
    bad = [g for g in got if g[0] != 200]
    check(not bad, "%d failed: %s" % (len(bad), bad[:1]))
    check(m.refreshes == 1 and not m.reused, "refreshes: %d" % m.refreshes)


@case
def another_process_at_work(h, m):
    s = h.serve()
    check(s.ask()[0] == 401, "without a login")
    h.login("claude")
    s.becomes(200)
    h.do("logout", "claude")
    s.becomes(401)
    other = other_home(h, m)
    other.login("claude")
    text = other.do("export", "claude", stdout_secret=True).out.decode()
    h.do("import", "-", stdin=text)
    s.becomes(200)
    r = h.do("key", "add", "laptop", stdout_secret=True)
    key = re.search(r"llmux-\S{16,}", r.said()).group(0)
    m.secrets.add(key)
    s.becomes(401)
    s.good(key=key)
    listed = h.do("key", "list").out.decode()
    ident = re.search(r"^.*laptop.*$", listed, re.M).group(0).split()[0]
    h.do("key", "delete", ident)
    until(lambda: s.ask(key=key)[0] != 200 or s.ask()[0] == 200, "the deletion", 1.5)


@case
def a_further_account(h, m):
    h.do("login", "claude", "--url", "--as", "work")
    with open(h.conf, "a") as f:
        f.write(CONF[CONF.index("[provider claude]"):CONF.index("[provider chatgpt]")].format(
            url=m.url).replace("[provider claude]", "[provider work]\ntype = anthropic"))
    s = h.serve()
    r = h.run("login", "claude", "--as", "work", stdin="open")
    r.send(pasted(r, m), eof=True)
    r.wait(0)
    logged_in(h, "work", r)
    s.becomes(200, model="work/claude-haiku-5-5")


@case
def refresh_with_a_full_disk(h, m):
    h.login("claude")
    doc = h.tokens("claude")
    doc["expires_at"] = int(time.time()) - 10
    h.put("claude", doc)
    m.expire()
    s = h.serve(limit=0)
    s.good()
    s.good()
    check(m.refreshes == 1, "refreshes: %d" % m.refreshes)
    check(re.search(r"tokens\.json|could not be (saved|written)|not saved", s.said()),
          "not said: " + s.said()[-500:])
    check(h.tokens("claude")["access_token"] == doc["access_token"], "the file was damaged")


@case
def killed_at_each_step(h, m):
    """kill -9 at each step of a refresh: no pair whose rename was done is lost, no file is torn;
    between the provider's reply and the rename a clean "login needed" is all that may come."""
    died = clean = 0
    for step in range(1, 30):
        h.login("claude")
        before = h.tokens("claude")
        before["expires_at"] = int(time.time()) - 10
        h.put("claude", before)
        m.expire()
        refreshes = m.refreshes
        s = status = None       # it may die before it listens: idle accounts are looked at, too
        try:
            s = h.serve(env={"LLMUX_TEST_KILL": str(step)})
            status = s.ask(timeout=10)[0]
        except (Failed, OSError, http.client.HTTPException):
            pass
        killed = status is None
        if killed and s is not None:
            until(lambda: s.p.poll() is not None, "the end", 2)
        now = h.tokens("claude")    # always whole JSON
        h.private(h.path("claude"))
        check(now["refresh_token"] in m.refresh, "a refresh token that nobody gave")
        if not killed:
            check(status == 200, "status %s: %s" % (status, s.said()[-300:]))
            check(died >= 5, "only %d steps" % died)
            break
        died += 1
        spent = m.refreshes > refreshes
        again = h.serve()
        if now["refresh_token"] != before["refresh_token"] or not spent:
            again.good()
        else:
            status, body = again.ask()
            check(status == 401 and "llmux login claude" in body, "%d %s" % (status, body[:200]))
            clean += 1
            m.reused.clear()    # that one use too many is what tells
        again.stop()
        for temp in glob.glob(h.state + "/tokens.json.??????*"):
            if not temp.endswith(".lock"):
                os.unlink(temp)
    else:
        raise Failed("it never got through")
    check(clean >= 1, "no kill between reply and rename")


@case
def clock_of_1970(h, m):
    h.login("claude")
    doc = h.tokens("claude")
    doc["expires_at"] = int(time.time()) - 10   # the old token still works
    h.put("claude", doc)
    s = h.serve(env={"LLMUX_TEST_CLOCK": "-%d" % (int(time.time()) - 3600)})
    s.good()
    s.good()
    check(m.refreshes == 0, "refreshes: %d" % m.refreshes)
    m.expire()                                  # only the provider ends a token then
    s.good()
    check(m.refreshes == 1, "refreshes: %d" % m.refreshes)


@case
def clock_two_years_ahead(h, m):
    h.login("claude")
    h.login("chatgpt")
    s = h.serve(env={"LLMUX_TEST_CLOCK": str(2 * 365 * 86400)})
    s.good()
    s.good()
    s.good(path="/v1/responses", model="gpt-5.2")
    check(m.refreshes <= 2, "refreshes: %d" % m.refreshes)
    s.stop()
    back = h.serve()                            # right again: nothing is lost
    back.good()
    back.good(path="/v1/responses", model="gpt-5.2")
    check(not m.reused, "a refresh token was used twice")


@case
def trouble_at_the_refresh(h, m):
    h.login("claude")
    s = h.serve()
    for name in ("challenge", "busy", "broken", "cut", "drop"):
        doc = h.tokens("claude")
        doc["expires_at"] = int(time.time()) + 25    # still good, but refreshed first
        h.put("claude", doc)
        m.script = [name] * 3
        status, body = s.ask()
        check(status in (200, 401, 502, 503, 429), "%s: %d" % (name, status))
        m.script = []
        check(h.tokens("claude")["refresh_token"] == doc["refresh_token"], name + ": changed")
    check(not m.reused, "burned")


@case
def permanent_failure(h, m):
    h.login("claude")
    with m.lock:
        for g in m.refresh.values():
            g.alive = False
    doc = h.tokens("claude")
    doc["expires_at"] = int(time.time()) - 10
    h.put("claude", doc)
    s = h.serve()
    for _ in range(3):
        status, body = s.ask()
        check(status == 401 and "login" in body, "%d %s" % (status, body[:200]))
    check(m.refreshes == 1, "it asks again and again: %d" % m.refreshes)
    check(os.path.exists(h.path("claude")), "the login was deleted")
    h.login("claude")
    s.becomes(200)


# ---- menu ----

@case
def menu(h, m):
    r = h.run(tty=True)
    r.expect("1  start proxy")
    r.send("9\n")
    r.expect("expected a number from 1 to 5")
    r.send("2\n")
    r.expect("ChatGPT: log in with a device code")
    r.send("1\n")
    r.send(pasted(r, m))
    r.expect("does not prove")
    r.send("3\n")
    r.expect("refreshed: claude")
    r.send("4\n")
    r.expect("logged out: claude")
    r.send("q\n")
    r.wait(0)
    check(m.refreshes == 1 and not m.reused, "refreshes: %d" % m.refreshes)
    nothing_stored(h)
    r = h.run(tty=True)
    r.expect("5  quit")
    r.send("5\n")
    r.wait(0)


# ---- all of it ----

def no_secrets(h, m):
    with m.lock:
        secrets = [s for s in m.secrets if len(s) > 12]
        targets = list(m.targets)
    for t in targets:
        for s in secrets:
            check(s not in t, "a secret in a URL: " + t[:60])
    for home in [h] + h.others:
        texts = [(" ".join(r.p.args[-3:]) + ": stdout", b"" if r.secret else r.out)
                 for r in home.runs]
        texts += [(" ".join(r.p.args[-3:]) + ": stderr", r.err) for r in home.runs]
        texts += [("log of serve", s.text) for s in home.servers]
        for name, text in texts:
            for s in secrets:
                check(s.encode() not in text, "a secret in %s: ...%s" % (name, s[-4:]))
    check(not m.reused, "refresh tokens used twice: %s" % m.reused)


LEFT_OUT = "no terminal"


def one(fn, top):
    m = mock_accounts.Mock()
    h = Home(m, "%s/%s/home" % (top, fn.__name__))
    h.others = []
    why = None
    try:
        fn(h, m)
    except Failed as e:
        why = str(e)
    except NoTerminal:
        why = LEFT_OUT
    except Exception:   # a broken case is a failed one
        why = traceback.format_exc(limit=-4)
    for home in [h] + h.others:
        try:
            home.end()
        except Exception as e:
            why = why or str(e)
    try:
        no_secrets(h, m)
    except Failed as e:
        why = why or str(e)
    with contextlib.suppress(OSError):
        m.close()
    return why


def main():
    global LLMUX
    p = argparse.ArgumentParser(usage=__doc__.strip().splitlines()[2].strip())
    p.add_argument("llmux", type=os.path.abspath)
    p.add_argument("-j", type=int, default=4, help="cases at a time (4)")
    p.add_argument("case", nargs="*")
    args = p.parse_intermixed_args()
    LLMUX = args.llmux
    cases = [c for c in CASES if not args.case or c.__name__ in args.case]
    top = tempfile.mkdtemp(prefix="llmux-accounts-")
    os.chmod(top, 0o711)    # some cases are not the superuser, who alone may enter /root
    LLMUX = shutil.copy(LLMUX, top + "/llmux")
    os.chmod(LLMUX, 0o755)
    passed = failed = left_out = 0
    try:
        with concurrent.futures.ThreadPoolExecutor(args.j) as pool:
            for fn, why in zip(cases, pool.map(lambda c: one(c, top), cases)):
                if why is None:
                    passed += 1
                elif why is LEFT_OUT:
                    left_out += 1
                else:
                    failed += 1
                    print("FAIL %s: %s" % (fn.__name__, why))
                sys.stdout.flush()
    finally:
        shutil.rmtree(top, ignore_errors=True)
    if left_out:
        print("no pseudo-terminals here (/dev/pts): %d cases left out" % left_out)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
