#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Soak: many streams at a time and many short requests, and nothing is left behind.

    python3 tests/soak.py LLMUX [--streams N] [--events N] [--requests N]

  --streams    event streams at a time (1000)
  --events     content events of each (50, at 5 a second)
  --requests   short requests over 32 kept-alive connections (200000)

The load is tests/bench/load.c before tests/bench/upstream.c, plain HTTP: every stream carries its
own marker and numbered events, so that a lost, repeated or foreign event and a missing end are
seen. Rounds: streams of chat, streams of Messages, short requests. After each round everything
must be closed again, which takes as long as idle upstream connections are kept (30 s).

What must hold: no request failed, no event was lost; as many descriptors and as much reserved
memory as after the start; resident memory does not grow from the second round on (the first one
shows what the allocator keeps); SIGTERM ends with exit status 0; nothing on stderr.

Needed: python3 (standard library), a C compiler ($CC or cc), Linux; descriptors can be counted by
the superuser only. Last line: "N passed, N failed". Exit status 0 if none failed, 2 usage.
"""
import argparse
import http.client
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MAX_CLIENTS = 1100
RATE = 5              # events a second
CONNS = 32
LOAD_S = 280          # no round may take longer
IDLE_S = 45           # idle upstream connections go after 30 s, looked at every 5 s
START_S = 5
FLAT_KB = 256         # how far the resident memory may move between two rounds

CONF = """listen = 127.0.0.1:0
state_dir = {dir}/state
max_clients = {clients}
max_memory = 1G
[provider claude]
base_url = http://127.0.0.1:{port}
api_key = sk-invented-upstream-key
[provider bench]
type = openai
base_url = http://127.0.0.1:{port}/v1
model = bench
"""


class Failed(Exception):
    """Nothing more can be measured."""


def build(directory):
    for name in ("upstream", "load"):
        run = subprocess.run(
            shlex.split(os.environ.get("CC", "cc")) + [
                "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-O2", "-o",
                "%s/%s" % (directory, name), "%s/bench/%s.c" % (HERE, name)],
            stderr=subprocess.PIPE, universal_newlines=True)
        if run.returncode != 0:
            raise Failed("%s.c does not compile: %s" % (name, run.stderr[:500]))


class Soak:
    """The server, what is around it, and the results."""

    def __init__(self, args, directory):
        self.args, self.dir = args, directory
        self.passed = self.failed = 0
        self.mock = self.process = self.port = None

    def check(self, good, what):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print("FAIL " + what)
        sys.stdout.flush()

    def start(self):
        build(self.dir)
        self.mock = subprocess.Popen([self.dir + "/upstream", "--seconds", "3600"],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        said = self.mock.stdout.readline().decode()
        if not said.startswith("port="):
            raise Failed("the mock upstream did not start")
        with open(self.dir + "/conf", "w") as f:
            f.write(CONF.format(dir=self.dir, port=int(said[5:]), clients=MAX_CLIENTS))
        os.chmod(self.dir + "/conf", 0o600)
        with open(self.dir + "/out", "wb") as out, open(self.dir + "/err", "wb") as err:
            self.process = subprocess.Popen(
                [self.args.llmux, "serve", "-c", self.dir + "/conf"], stdin=subprocess.DEVNULL,
                stdout=out, stderr=err, env={"HOME": self.dir})
        due = time.monotonic() + START_S
        while self.port is None:
            found = re.search(r"listening on http://127\.0\.0\.1:(\d+)$", self.said("out"), re.M)
            if found is not None:
                self.port = int(found.group(1))
            elif time.monotonic() > due or self.process.poll() is not None:
                raise Failed("llmux did not start: " + self.said("err")[-300:])
            else:
                time.sleep(0.01)

    def said(self, name):
        with open(self.dir + "/" + name, errors="replace") as f:
            return f.read()

    def metrics(self):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        c.request("GET", "/metrics")
        text = c.getresponse().read().decode()
        c.close()
        return {k: int(v) for k, v in re.findall(r"^llmux_(\w+) (\d+)$", text, re.M)}

    def rss_kb(self, field="VmRSS"):
        with open("/proc/%d/status" % self.process.pid) as f:
            return int(re.search(field + r":\s+(\d+)", f.read()).group(1))

    def descriptors(self):
        """-1: the kernel does not say."""
        try:
            return len(os.listdir("/proc/%d/fd" % self.process.pid))
        except PermissionError:
            return -1

    def settle(self):
        """Wait until nobody is connected and nothing is pooled; what is left then."""
        due = time.monotonic() + IDLE_S
        while True:
            m = self.metrics()
            if (m["client_connections"] == 1 and m["pool_idle_connections"] == 0) or \
                    time.monotonic() > due:
                break
            time.sleep(0.5)
        time.sleep(0.5)
        return {"descriptors": self.descriptors(), "reserved": m["memory_reserved_bytes"],
                "clients": m["client_connections"], "pooled": m["pool_idle_connections"],
                "streams": m["streams_open"]}

    def load(self, mode, **options):
        argv = [self.dir + "/load", mode, "--port", str(self.port), "--seconds", str(LOAD_S)]
        for key, value in options.items():
            argv += ["--" + key, str(value)]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, universal_newlines=True)
        most = 0
        while process.poll() is None:
            most = max(most, self.rss_kb())
            time.sleep(0.2)
        text, err = process.stdout.read(), process.stderr.read()
        return {k: int(v) for k, v in re.findall(r"^(\w+)=(\d+)$", text, re.M)}, err, most

    def round(self, name, before, mode, **options):
        """One load, and then the rest. Gives the resident memory behind it."""
        r, err, most = self.load(mode, **options)
        for key in ("errors", "lost", "reordered", "unended"):
            self.check(r.get(key) == 0, "%s: %s=%s %s" % (name, key, r.get(key), err.strip()[:300]))
        wanted = options["count"] * options.get("events", 0)
        if mode == "sse":
            self.check(r.get("events") == wanted, "%s: %s events, not %d" % (
                name, r.get("events"), wanted))
        self.check(r.get("done") == options["count"], "%s: done=%s" % (name, r.get("done")))
        after = self.settle()
        self.check(after == before, "%s: left behind: %s, before: %s" % (name, after, before))
        rss = self.rss_kb()
        print("%s: %d done, %d events, %d lost, %d failed, %.1f s, p50 %.2f ms, p99 %.1f ms, "
              "max %.1f ms; RSS at most %d kB, then %d kB; %d descriptors" % (
                  name, r.get("done", 0), r.get("events", 0), r.get("lost", -1),
                  r.get("errors", -1), r.get("wall_ns", 0) / 1e9, r.get("p50_ns", 0) / 1e6,
                  r.get("p99_ns", 0) / 1e6, r.get("max_ns", 0) / 1e6, most, rss,
                  after["descriptors"]))
        sys.stdout.flush()
        return rss

    def run(self):
        a = self.args
        before = self.settle()
        print("start: RSS %d kB, %d descriptors, %d bytes reserved" % (
            self.rss_kb(), before["descriptors"], before["reserved"]))
        if before["descriptors"] < 0:
            print("descriptors are not counted: only the superuser may look")
        streams = {"conns": a.streams, "count": a.streams, "events": a.events, "rate": RATE}
        first = self.round("%d chat streams" % a.streams, before, "sse", **streams)
        second = self.round("%d messages streams" % a.streams, before, "sse",
                            path="/v1/messages", model="claude-bench", **streams)
        third = self.round("%d requests" % a.requests, before, "req", conns=CONNS,
                           count=a.requests, bytes=0)
        for name, was, now in (("streams", first, second), ("requests", second, third)):
            self.check(now - was <= FLAT_KB, "%s: RSS grew from %d to %d kB" % (name, was, now))
        self.process.send_signal(signal.SIGTERM)
        self.check(self.process.wait(START_S) == 0, "SIGTERM: exit status %d" %
                   self.process.returncode)
        self.check(self.said("err") == "", "stderr: " + self.said("err")[-500:])

    def close(self):
        for process in (self.process, self.mock):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


def main():
    p = argparse.ArgumentParser(usage=__doc__.strip().splitlines()[2].strip())
    p.add_argument("llmux", type=os.path.abspath)
    p.add_argument("--streams", type=int, default=1000)
    p.add_argument("--events", type=int, default=50)
    p.add_argument("--requests", type=int, default=200000)
    args = p.parse_args()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    if files < 2 * MAX_CLIENTS + 64:
        print("ulimit -n: %d descriptors are too few" % files, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="llmux-soak-") as directory:
        s = Soak(args, directory)
        try:
            s.start()
            s.run()
        except (Failed, OSError, subprocess.TimeoutExpired) as e:
            s.check(False, "%s: %s" % (type(e).__name__, e))
        finally:
            s.close()
    print("%d passed, %d failed" % (s.passed, s.failed))
    return 1 if s.failed else 0


if __name__ == "__main__":
    sys.exit(main())
