#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure llmux beside nginx and haproxy, and print the figures beside the project's budgets.

    python3 tests/bench/bench.py [--quick] [--only LINE[,LINE...]] [--llmux PROGRAM]
                                 [--reps N] [--requests N] [--seconds N] [--keep]

  --quick      one repetition, shorter runs: about a minute, for a first look only
  --only       lines of the table, such as 5,6,9 (9 means 9a and 9b)
  --llmux      the binary; ./llmux at the top of the source tree if not given
  --reps       interleaved repetitions (3); the table shows medians
  --requests   requests of line 23 (200000; a release is measured with 1000000)
  --seconds    when this time is used up, further repetitions are left out (330); the first is
               made whole
  --keep       leave the temporary directory with configurations and logs

Needed: python3 (standard library), a C compiler ($CC or cc), Linux. nginx is the reference and,
before the mock upstream, the TLS server; haproxy is a second opinion; openssl makes the
certificates. What is missing leaves its column empty, with one line that says why.

How: upstream.c is the mock upstream, load.c the load; both run on one CPU, the subject on
another. For latencies everything is on one CPU, which is the steady figure. Every measurement
starts the subject afresh; repetitions go round the subjects. CPU is utime+stime of the subject
over the run, divided by what was done. For events it is taken inside a window while all streams
run, and the mock says how many events were sent in it. Latency is the median of the load's
samples minus the same without a proxy. Lines 7, 11, 12b, 18, 19 reach the mock through
nginx as a TLS 1.2 server on the load's CPU; line 7 is compared with the same nginx on a plain
port. Lines 13-15 and 16b are llmux alone: chat requests answered by a Messages upstream,
compared with its own pass-through. Memory is the sum of the subject's processes, in MiB or KiB.

A timing is never a pass or a fail: the machine may be busy. Call a line missed only when it is
more than 10 % over in two runs. Exit status: 0; 1 if an event was lost or a request failed or
something could not run; 2 usage.

Not here: size of the binary (lines 1, 2), JSON alone (20), image bodies (21), other CPUs.
"""
import argparse
import collections
import http.client
import os
import resource
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True  # nothing is left in the source tree
import subjects
from subjects import Failed

HERE = os.path.dirname(os.path.abspath(__file__))
LOAD_S = 120          # no single load may take longer
IDLE_SETTLE_S, IDLE_S = 2, 20
UPLOAD = 8 << 20
OTHERS = 10           # per cent of the machine: from here on the reader is warned
STREAM_S = 100        # a stream that is not ended before
FLAT_KB = 64

# The project's budgets. base: what a factor is a factor of; "own" is llmux's own pass-through.
# must, aim: ("x", factor of base), ("+", above base), ("<", at most), (">", at least).
Row = collections.namedtuple("Row", "id figure unit base must aim")
ROWS = [
    Row("3", "RSS just started", "MB", None, ("<", 1.0), ("<", 0.4)),
    Row("4", "start to first accepted connection", "ms", None, ("<", 4), ("<", 2)),
    Row("5", "CPU per request, 1 KB, 16 connections", "us", "nginx", ("x", 1.1), ("x", 0.95)),
    Row("6", "added p50, plain upstream, one CPU", "us", "nginx", ("x", 1.2), ("x", 0.95)),
    Row("7", "added p50, TLS upstream, one CPU", "us", "nginx", ("x", 1.2), ("x", 0.9)),
    Row("8", "CPU per request, 64 KB body", "us", "nginx", ("x", 1.0), ("x", 0.8)),
    Row("9a", "CPU per event, 100 streams x 50/s", "us", "nginx", ("x", 1.3), ("x", 1.0)),
    Row("9b", "CPU per event, 1000 streams x 10/s", "us", "nginx", ("x", 1.3), ("x", 1.0)),
    Row("10", "added p50 per event, one CPU", "us", "nginx", ("+", 15), ("+", 0)),
    Row("11", "RSS with 100 TLS streams", "MB", None, ("<", 6), ("<", 3)),
    Row("12a", "RSS with 1000 plain streams", "MB", None, ("<", 16), ("<", 10)),
    Row("12b", "RSS with 1000 TLS streams", "MB", None, ("<", 60), ("<", 36)),
    Row("13", "translated: CPU per request, 1 KB", "us", "own", ("x", 1.5), ("x", 1.3)),
    Row("14", "translated: CPU per request, 64 KB body", "us", "own", ("x", 2.0), ("x", 1.5)),
    Row("15", "translated: CPU per event, 100 streams", "us", "own", ("x", 1.25), ("x", 1.1)),
    Row("16a", "burst: CPU per event, passed", "us", "nginx", ("x", 2), ("x", 1)),
    Row("16b", "burst: CPU per event, translated", "us", None, ("<", 2), ("<", 0.8)),
    Row("17a", "upload 8 MiB: CPU per 100 MB", "ms", "nginx", ("x", 1.2), ("x", 0.8)),
    Row("17b", "upload 8 MiB: peak RSS over the body", "KB", None, ("<", 512), ("<", 64)),
    Row("18", "upload 8 MiB, TLS: CPU per 100 MB", "ms", "nginx", ("x", 1.3), ("x", 1.0)),
    Row("19a", "CPU per request on a new TLS connection", "us", "nginx", ("x", 1.2), ("x", 0.8)),
    Row("19b", "new TLS connections that were resumed", "%", None, (">", 95), (">", 99)),
    Row("22", "wake-ups while idle, 20 s", "", None, ("<", 20), ("<", 0)),
    Row("23a", "failed requests, bad or lost events", "", None, ("<", 0), ("<", 0)),
    Row("23b", "RSS growth over many requests", "KB", None, ("<", FLAT_KB), ("<", FLAT_KB)),
]


def one_line(text):
    return " ".join(text.split())[:600]


def busy_s():
    """CPU seconds of the whole machine that were not idle."""
    with open("/proc/stat") as f:
        t = [int(x) for x in f.readline().split()[1:9]]
    return (sum(t) - t[3] - t[4]) / os.sysconf("SC_CLK_TCK")


class Rig:
    """Everything around the subjects: directory, CPUs, the mock, TLS before it, the results."""

    def __init__(self, args, directory):
        self.args, self.top = args, directory
        self.values = collections.defaultdict(list)  # (row, subject) -> values
        self.faults = collections.Counter()          # subject -> failed requests, bad events
        self.problems, self.notes = [], []
        self.n_directories = 0
        self.all_cpus = os.sched_getaffinity(0)
        self.load_cpu, self.proxy_cpu = {min(self.all_cpus)}, {max(self.all_cpus)}
        if len(self.all_cpus) == 1:
            self.notes.append("one CPU only: load, mock and subject share it")
        self.files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.files, self.files))
        self.line = "-"
        self.began, self.short = time.monotonic(), False
        self.busy_s, self.own_s = busy_s(), sum(os.times()[:4])
        self.mock = self.terminator = None
        self.tls_port = self.close_port = self.plain_port = None
        self.ca = self.cert = self.key = None

    def others(self):
        """The share of the machine, in per cent, that other programs have used."""
        own = sum(os.times()[:4]) - self.own_s
        return max(0, 100 * (busy_s() - self.busy_s - own) / self.elapsed() / os.cpu_count())

    def elapsed(self):
        return time.monotonic() - self.began

    def directory(self, name):
        self.n_directories += 1
        path = "%s/%s-%d" % (self.top, name, self.n_directories)
        os.mkdir(path)
        return path

    def build(self):
        for name in ("upstream", "load"):
            cc = shlex.split(os.environ.get("CC", "cc"))
            run = subprocess.run(
                cc + ["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-O2", "-o",
                      "%s/%s" % (self.top, name), "%s/%s.c" % (HERE, name)],
                stderr=subprocess.PIPE, universal_newlines=True)
            if run.returncode != 0:
                raise Failed("%s.c does not compile: %s" % (name, run.stderr[:500]))

    def start_mock(self):
        self.mock = subprocess.Popen([self.top + "/upstream", "--seconds", "7200"],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     preexec_fn=lambda: os.sched_setaffinity(0, self.load_cpu))
        line = self.mock.stdout.readline().decode()
        if not line.startswith("port="):
            raise Failed("the mock upstream did not start")
        self.mock_port = int(line[5:])

    def mock_stats(self, what="stats"):
        c = http.client.HTTPConnection("127.0.0.1", self.mock_port, timeout=10)
        c.request("GET", "/bench/" + what)
        text = c.getresponse().read().decode()
        c.close()
        return {k: int(v) for k, v in (x.split("=") for x in text.split())}

    def start_tls(self, nginx):
        """Certificates and the TLS server before the mock; without them TLS lines are empty."""
        if nginx.reason is not None or shutil.which("openssl") is None:
            self.notes.append("TLS lines are empty: they need nginx and openssl")
            return
        d = self.directory("tls")
        new = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -days 30"
        subjects.write(d + "/ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\n"
                       "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n")
        for command in (
                new + " -x509 -keyout ca.key -out ca.pem -subj /CN=bench-root",
                new + " -keyout key.pem -out leaf.csr -subj /CN=localhost",
                "openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -set_serial 1 -sha256"
                " -days 30 -extfile ext -out cert.pem"):
            run = subprocess.run(shlex.split(command), cwd=d, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            if run.returncode != 0:
                raise Failed("openssl: " + run.stderr.decode(errors="replace")[-300:])
        # The system's roots go in too: a trust store of real size.
        with open(d + "/trust.pem", "wb") as out:
            for path in ("/etc/ssl/certs/ca-certificates.crt", d + "/ca.pem"):
                if os.path.exists(path):
                    with open(path, "rb") as f:
                        out.write(f.read())
        self.ca, self.cert, self.key = d + "/trust.pem", d + "/cert.pem", d + "/key.pem"
        self.terminator, self.tls_port, self.close_port, self.plain_port, self.close_log = \
            nginx.start_terminator()

    def one_cpu(self, running, on):
        """Put everything on the subject's CPU, for latencies, or back."""
        subjects.pin([self.mock.pid], self.proxy_cpu if on else self.load_cpu)
        if self.terminator is not None:
            self.terminator.pin(self.proxy_cpu if on else self.load_cpu)
        if running is not None:
            running.pin(self.proxy_cpu)

    def open_load(self, mode, port, cpu=None, **options):
        argv = [self.top + "/load", mode, "--port", str(port), "--seconds", str(LOAD_S)]
        for key, value in options.items():
            argv += ["--" + key, str(value)]
        cpu = cpu or self.load_cpu
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, universal_newlines=True,
                                preexec_fn=lambda: os.sched_setaffinity(0, cpu))

    def end_load(self, name, process, first=""):
        """The results of a load that ends by itself; first: what was read from it already."""
        out, err = first + process.stdout.read(), process.stderr.read()
        process.wait(LOAD_S)
        result = {k: int(v) for k, v in (x.split("=") for x in out.split())}
        if process.returncode != 0 or "errors" not in result:
            raise Failed("load failed: " + one_line(err))
        bad = {k: result.get(k, 0) for k in ("errors", "lost", "reordered", "unended")}
        if any(bad.values()):
            # What it cost to fail is no figure.
            self.faults[name] += sum(bad.values())
            raise Failed("%s: %s; %s" % (
                name, " ".join("%s=%d" % x for x in bad.items() if x[1]), one_line(err)))
        return result

    def load(self, name, mode, port, **options):
        return self.end_load(name, self.open_load(mode, port, **options))

    def add(self, row, name, value):
        self.values[row, name].append(value)

    def median(self, row, name):
        values = self.values.get((row, name))
        return statistics.median(values) if values else None

    def scaled(self, n):
        return max(n // 4, 1) if self.args.quick else n

    def close(self):
        subjects.Running.stop_all()
        if self.mock is not None:
            self.mock.stdin.close()
            subjects.stop(self.mock)


def translates(rig, s):
    """Whether s answers a chat request with a Messages upstream."""
    with s.start("messages") as r:
        c = http.client.HTTPConnection("127.0.0.1", r.port, timeout=10)
        c.request("POST", "/v1/chat/completions", body='{"model":"%s","messages":[{"role":"user",'
                  '"content":"bench:mark=probe"}]}' % s.model("messages"),
                  headers={"content-type": "application/json"})
        answer = c.getresponse()
        text = answer.read().decode(errors="replace")
        c.close()
    if answer.status == 400:
        rig.notes.append("lines 13-15 and 16b are empty: %s refuses to translate: %s" % (
            s.name, one_line(text)))
    return answer.status != 400


# Measurements. Each makes one repetition of its rows, going round the subjects.

def started(rig, each):
    for s in each:
        with s.start() as r:
            time.sleep(0.3)
            rig.add("3", s.name, r.rss_kb() / 1024)


def start_time(rig, each):
    for _ in range(3):
        for s in each:
            port, directory, argv = s.prepare("plain")
            run = subprocess.run(
                [rig.top + "/load", "start", "--port", str(port), "--seconds", "10", "--"] + argv,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=directory,
                stderr=subprocess.DEVNULL, env=s.environment(directory), universal_newlines=True,
                preexec_fn=lambda: os.sched_setaffinity(0, rig.all_cpus))
            result = dict(x.split("=") for x in run.stdout.split() if x.startswith(
                ("errors=", "start_ns=")))
            if result.get("errors") != "0":
                raise Failed("%s did not start in 10 s" % s.name)
            rig.add("4", s.name, int(result["start_ns"]) / 1e6)


def cpu_per_request(rig, s, way, count, conns=16, body=1024, **options):
    """us of CPU for a request, after some that are not counted; and the load's result."""
    with s.start(way) as r:
        options.update(model=s.model(way), body=body, conns=conns)
        rig.load(s.name, "req", r.port, count=max(count // 20, conns), **options)
        before = r.cpu_ns()
        rig.load(s.name, "req", r.port, count=count, **options)
        return (r.cpu_ns() - before) / count / 1000


def requests(rig, each):
    for s in each:
        rig.add("5", s.name, cpu_per_request(rig, s, "plain", rig.scaled(25000)))


def big_requests(rig, each):
    for s in each:
        rig.add("8", s.name, cpu_per_request(rig, s, "plain", rig.scaled(5000), body=65536,
                                             bytes=1))


def translated_requests(rig, each):
    for row, body, count in (("13", 1024, 20000), ("14", 65536, 4000)):
        for s in each:
            for way, name in (("plain", "own"), ("messages", s.name)):
                rig.add(row, name, cpu_per_request(rig, s, way, rig.scaled(count), body=body))


def latency_of(rig, name, port, model, mode, **options):
    rig.load(name, mode, port, cpu=rig.proxy_cpu, model=model, **dict(options, count=options[
        "conns"]))
    return rig.load(name, mode, port, cpu=rig.proxy_cpu, model=model, **options)["p50_ns"] / 1000


def added_latency(rig, each, row, way, base_port, mode, **options):
    rig.one_cpu(None, True)
    try:
        base = latency_of(rig, "direct", base_port, "bench", mode, **options)
        for s in each:
            with s.start(way) as r:
                rig.one_cpu(r, True)
                rig.add(row, s.name, latency_of(rig, s.name, r.port, s.model(way), mode,
                                                **options) - base)
    finally:
        rig.one_cpu(None, False)


def latency(rig, each):
    added_latency(rig, each, "6", "plain", rig.mock_port, "req", conns=1,
                  count=rig.scaled(8000))


def tls_latency(rig, each):
    added_latency(rig, each, "7", "tls", rig.plain_port, "req", conns=1, count=rig.scaled(8000))


def event_latency(rig, each):
    seconds = 1 if rig.args.quick else 2
    added_latency(rig, each, "10", "plain", rig.mock_port, "sse", conns=100, count=100, rate=50,
                  events=50 * seconds)


def streams(rig, s, way, conns, rate, seconds):
    """CPU us for an event, and RSS in MB, both while all streams run; then they are ended, and
    the load must have seen as many events as the mock has sent."""
    at_start = rig.mock_stats()["events"]
    with s.start(way) as r:
        process = rig.open_load("sse", r.port, model=s.model(way), conns=conns, count=conns,
                                rate=rate, events=rate * STREAM_S, early=1)
        try:
            first = process.stdout.readline()
            if first.strip() != "started=1":
                rig.end_load(s.name, process, first)
                raise Failed("%s: not all of %d streams began" % (s.name, conns))
            time.sleep(0.2)
            sent, before = rig.mock_stats()["events"], r.cpu_ns()
            began = time.monotonic()
            time.sleep(seconds)
            cpu, sent = r.cpu_ns() - before, rig.mock_stats()["events"] - sent
            speed = 100 * sent / (conns * rate * (time.monotonic() - began))
            rss = r.rss_kb() / 1024
            active = rig.mock_stats("end")["active"]
            seen = rig.end_load(s.name, process)["events"]
            missing = rig.mock_stats()["events"] - at_start - seen
            if missing != 0:
                rig.faults[s.name] += abs(missing)
                raise Failed("%s: %d events are missing" % (s.name, missing))
            if active != conns or sent == 0:
                raise Failed("%s: only %d of %d streams ran at once" % (s.name, active, conns))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if speed < 90:
            rig.notes.append("line %s, %s: only %d %% of the events could be sent in time: not "
                             "comparable" % (rig.line, s.name, speed))
        return cpu / sent / 1000, rss


def events(rig, each):
    for s in each:
        rig.add("9a", s.name, streams(rig, s, "plain", 100, 50, 1 if rig.args.quick else 2)[0])


def many_events(rig, each):
    for s in each:
        cpu, rss = streams(rig, s, "plain", 1000, 10, 1 if rig.args.quick else 2)
        rig.add("9b", s.name, cpu)
        rig.add("12a", s.name, rss)


def translated_events(rig, each):
    for s in each:
        for way, name in (("plain", "own"), ("messages", s.name)):
            rig.add("15", name, streams(rig, s, way, 100, 50, 1 if rig.args.quick else 2)[0])


def tls_streams(rig, each):
    for s in each:
        rig.add("11", s.name, streams(rig, s, "tls", 100, 20, 1)[1])


def many_tls_streams(rig, each):
    for s in each:
        rig.add("12b", s.name, streams(rig, s, "tls", 1000, 2, 1)[1])


def burst(rig, each, row="16a", way="plain"):
    conns, count = 4, rig.scaled(100000)
    for s in each:
        with s.start(way) as r:
            options = {"model": s.model(way), "conns": conns, "count": conns, "rate": 0}
            rig.load(s.name, "sse", r.port, events=1000, **options)
            before = r.cpu_ns()
            rig.load(s.name, "sse", r.port, events=count, **options)
            rig.add(row, s.name, (r.cpu_ns() - before) / (conns * count) / 1000)


def translated_burst(rig, each):
    burst(rig, each, "16b", "messages")


def upload(rig, each, row="17a", way="plain"):
    count = rig.scaled(16)
    for s in each:
        with s.start(way) as r:
            options = {"model": s.model(way), "conns": 1}
            rig.load(s.name, "req", r.port, count=2, **options)
            rss = r.rss_kb()
            options.update(body=UPLOAD, bytes=1)
            rig.load(s.name, "upload", r.port, count=1, **options)
            if way == "plain":
                rig.add("17b", s.name, r.peak_kb() - rss - UPLOAD / 1024)
            before = r.cpu_ns()
            rig.load(s.name, "upload", r.port, count=count, **options)
            rig.add(row, s.name, (r.cpu_ns() - before) / 1e6 / (count * UPLOAD / 1e8))


def tls_upload(rig, each):
    upload(rig, each, "18", "tls")


def new_connections(rig, each):
    for s in each:
        with open(rig.close_log) as log:
            log.seek(0, os.SEEK_END)
            rig.add("19a", s.name, cpu_per_request(rig, s, "close", rig.scaled(1500), conns=4))
            time.sleep(0.1)
            lines = [x.split() for x in log.read().splitlines()]
        if not lines:
            raise Failed("the TLS server saw no connection of %s" % s.name)
        rig.add("19b", s.name, 100 * sum(x[0] == "r" for x in lines) / len(lines))


def many_requests(rig, each):
    """Growth from a tenth of the requests to all."""
    total = rig.args.requests // (10 if rig.args.quick else 1)
    for s in each:
        with s.start() as r:
            rig.load(s.name, "req", r.port, conns=16, count=max(total // 10, 16))
            rss = r.rss_kb()
            rig.load(s.name, "req", r.port, conns=16, count=max(total * 9 // 10, 16))
            rig.add("23b", s.name, r.rss_kb() - rss)


class Idle:
    """Line 22 runs beside the other lines: idle programs do not care, and 20 s are saved."""

    def __init__(self, rig, each):
        self.rig, self.running, self.before, self.after = rig, [], {}, {}
        for s in each:
            try:
                r = s.start()
            except Failed as e:
                rig.problems.append("line 22: %s" % e)
                continue
            self.running.append(r)
            rig.load(s.name, "req", r.port, conns=1, count=2)
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        for seconds, counts in ((IDLE_SETTLE_S, self.before), (IDLE_S, self.after)):
            time.sleep(seconds)
            for r in self.running:
                try:
                    counts[r.name] = r.wakeups()
                except OSError:
                    continue  # it ended: its name will be missing

    def finish(self):
        self.thread.join()
        for r in self.running:
            if r.name in self.before and r.name in self.after:
                self.rig.add("22", r.name, self.after[r.name] - self.before[r.name])
            else:
                self.rig.problems.append("line 22: %s ended while idle: %s" % (r.name, r.said()))
            r.stop()


# These measure one base line for all subjects.
TOGETHER = (latency, tls_latency, event_latency)

# What to run: rows, function, way, repetitions at most (0: as many as asked for).
Measure = collections.namedtuple("Measure", "rows run way reps")
MEASURES = [
    Measure(("3",), started, "plain", 0),
    Measure(("4",), start_time, "plain", 0),
    Measure(("5",), requests, "plain", 0),
    Measure(("6",), latency, "plain", 0),
    Measure(("7",), tls_latency, "tls", 0),
    Measure(("8",), big_requests, "plain", 0),
    Measure(("9a",), events, "plain", 0),
    Measure(("9b", "12a"), many_events, "plain", 0),
    Measure(("10",), event_latency, "plain", 0),
    Measure(("11",), tls_streams, "tls", 1),
    Measure(("12b",), many_tls_streams, "tls", 1),
    Measure(("13", "14"), translated_requests, "messages", 0),
    Measure(("15",), translated_events, "messages", 0),
    Measure(("16a",), burst, "plain", 0),
    Measure(("16b",), translated_burst, "messages", 0),
    Measure(("17a", "17b"), upload, "plain", 0),
    Measure(("18",), tls_upload, "tls", 0),
    Measure(("19a", "19b"), new_connections, "close", 0),
    Measure(("23b",), many_requests, "plain", 1),
]


def wanted(only, row):
    return not only or row in only or row.rstrip("ab") in only


def progress(text):
    if sys.stderr.isatty():
        print("\r%-60s\r%s" % ("", text), end="", file=sys.stderr, flush=True)


def able(s, m, mute):
    return m.way in s.ways and not (m.way == "messages" and s.name in mute)


def measure(rig, m, group):
    """One repetition. One subject's failure shall not take the others' figures away."""
    for part in [group] if m.run in TOGETHER else [[s] for s in group]:
        try:
            m.run(rig, part)
        except (Failed, OSError, subprocess.TimeoutExpired) as e:
            rig.problems.append("line %s: %s" % (rig.line, e))


def measure_all(rig, each):
    idle = Idle(rig, each) if wanted(rig.args.only, "22") else None
    plan = [m for m in MEASURES if any(wanted(rig.args.only, row) for row in m.rows)
            and (rig.tls_port is not None or m.way not in ("tls", "close"))]
    mute = set()
    if any(m.way == "messages" for m in plan):
        mute = {s.name for s in each if "messages" in s.ways and not translates(rig, s)}
    took = {}
    for rep in range(rig.args.reps):
        for m in plan:
            group = [s for s in each if able(s, m, mute)]
            if not group or (m.reps and rep >= m.reps):
                continue
            if rep > 0 and rig.elapsed() + took[m.rows] > rig.args.seconds:
                rig.short = True
                continue
            began = time.monotonic()
            rig.line = ",".join(m.rows)
            progress("repetition %d of %d, line %s" % (rep + 1, rig.args.reps, rig.line))
            measure(rig, m, group)
            took[m.rows] = time.monotonic() - began
    progress("")
    if idle is not None:
        idle.finish()
    for s in each:
        rig.add("23a", s.name, rig.faults[s.name])


def number(value):
    if value is None:
        return "-"
    if abs(value) >= 100 or value == int(value):
        return "%d" % round(value)
    return "%.*f" % (1 if abs(value) >= 10 else 2, value)


def limit(rig, row, budget):
    """The number that a budget is in this run; None if what it is measured by is missing."""
    kind, n = budget
    if kind in "<>":
        return n
    base = rig.median(row.id, row.base)
    if base is None:
        return None
    return base * n if kind == "x" else base + n


def verdict(rig, row):
    value, must, aim = rig.median(row.id, "llmux"), limit(rig, row, row.must), limit(
        rig, row, row.aim)
    if value is None or must is None:
        return "-"
    if row.must[0] == ">":
        return "over" if value < must else "ok, aim" if value >= aim else "ok"
    if value > must:
        return "over" + (" %.2fx" % (value / must) if must > 0 else "")
    return "ok, aim" if value <= aim else "ok"


def budget_text(row, budget):
    kind, n = budget
    if kind in "<>":
        return number(n)
    return "%sx %s" % (number(n), row.base) if kind == "x" else "%s+%s" % (row.base, number(n))


def table(rig):
    head = ("line", "figure", "unit", "llmux", "nginx", "haproxy", "ratio", "must", "aim",
            "verdict")
    lines = [head]
    for row in ROWS:
        if not wanted(rig.args.only, row.id):
            continue
        llmux, base = rig.median(row.id, "llmux"), rig.median(row.id, row.base or "nginx")
        ratio = "-"
        if llmux is not None and base is not None and base > 0 and llmux >= 0:
            ratio = "%.2f" % (llmux / base) + (" own" if row.base == "own" else "")
        lines.append((row.id, row.figure, row.unit, number(llmux),
                      number(rig.median(row.id, "nginx")), number(rig.median(row.id, "haproxy")),
                      ratio, budget_text(row, row.must), budget_text(row, row.aim),
                      verdict(rig, row)))
    widths = [max(len(x[i]) for x in lines) for i in range(len(head))]
    for x in lines:
        print("  ".join(c.ljust(w) if i in (0, 1, 2, 9) else c.rjust(w)
                        for i, (c, w) in enumerate(zip(x, widths))).rstrip())


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="See the top of "
                                "the file for what is measured and how.")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--only", type=lambda x: set(x.split(",")), default=set())
    p.add_argument("--llmux", default=None)
    p.add_argument("--reps", type=int, default=3)
    p.add_argument("--requests", type=int, default=200000)
    p.add_argument("--seconds", type=int, default=330)
    p.add_argument("--keep", action="store_true")
    args = p.parse_args()
    ids = {row.id for row in ROWS} | {row.id.rstrip("ab") for row in ROWS}
    if args.only - ids:
        p.error("no such line: %s; there are %s" % (
            ", ".join(sorted(args.only - ids)), " ".join(row.id for row in ROWS)))
    if args.llmux is not None and not os.access(args.llmux, os.X_OK):
        p.error("--llmux %s: no such program" % args.llmux)
    if args.reps < 1 or args.requests < 1000:
        p.error("--reps must be at least 1, --requests at least 1000")
    if args.quick:
        args.reps = 1
    args.llmux = args.llmux or os.path.join(HERE, "..", "..", "llmux")
    return args


def bench(rig):
    rig.build()
    rig.start_mock()
    nginx = subjects.Nginx(rig)
    everyone = [subjects.Llmux(rig, rig.args.llmux), nginx, subjects.Haproxy(rig)]
    for s in everyone:
        if s.reason is not None:
            rig.notes.append("%s: %s: its column is empty" % (s.name, s.reason))
        elif s.name == "llmux":
            rig.notes.append("llmux is %s, %d bytes" % (os.path.relpath(s.binary),
                                                       os.path.getsize(s.binary)))
    if rig.files < 4200:
        rig.problems.append("the limit of open files is %d; 1000 streams need 4200" % rig.files)
    rig.start_tls(nginx)
    measure_all(rig, [s for s in everyone if s.reason is None])
    stats = rig.mock_stats()
    if stats["bad"] > 0:
        rig.problems.append("the mock upstream refused %d requests" % stats["bad"])


def main():
    args = arguments()
    directory = tempfile.mkdtemp(prefix="llmux-bench-")
    os.chmod(directory, 0o700)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    rig = Rig(args, directory)
    try:
        bench(rig)
    except (Failed, OSError) as e:
        rig.problems.append(str(e))
    except KeyboardInterrupt:
        rig.problems.append("interrupted")
    finally:
        rig.close()
        if args.keep:
            rig.notes.append("configurations and logs are in " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    if rig.short:
        rig.notes.append("the time was used up: some lines have fewer repetitions")
    if rig.others() > OTHERS:
        rig.notes.append("other programs used %d %% of the machine: the figures are high and "
                         "rough: no verdict" % rig.others())
    table(rig)
    for text in rig.notes:
        print("note: " + text)
    for text in rig.problems:
        print("problem: " + text)
    print("%d s, %d repetition%s%s" % (rig.elapsed(), args.reps,
                                       "s" if args.reps > 1 else "",
                                       ", quick: not for a verdict" if args.quick else ""))
    return 1 if rig.problems or rig.faults else 0


if __name__ == "__main__":
    sys.exit(main())
