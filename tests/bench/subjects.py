# SPDX-License-Identifier: MIT
"""The programs that bench.py measures, and what it reads about them from the kernel.

A subject is started afresh for every measurement, on a port of 127.0.0.1, with its files in a
directory of its own. `way` says how it reaches the mock upstream: "plain"; "tls", pooled; "close",
TLS with a new connection for each request; "messages", which is plain with translation to another
dialect and for llmux alone. nginx and haproxy get one configuration for each way; llmux gets
one for all, and the model's name chooses.
"""
import os
import shutil
import signal
import socket
import subprocess
import time

START_S = 10
STOP_S = 15

# The settings that make nginx fastest here: no buffering in either direction, and the body
# buffer with which the 64 KB body and the upload both cost least (16k to 160k were tried).
NGINX = """daemon off;
{user}worker_processes 1;
worker_rlimit_nofile {files};
pid {dir}/pid;
error_log {dir}/error.log error;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    client_max_body_size 64m;
    keepalive_requests 1000000000;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffering off;
    proxy_request_buffering off;
    client_body_buffer_size 32k;
    proxy_read_timeout 600s;
{http}
}}
"""

NGINX_UPSTREAM = """    upstream {name} {{
        server 127.0.0.1:{port};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
"""

NGINX_TLS = """    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate {ca};
    proxy_ssl_name localhost;
    proxy_ssl_server_name on;
    proxy_ssl_session_reuse on;
"""

# What stands before the mock upstream to give it TLS: pooled, closing, and plain through the
# same program, which is the base line for what a proxy adds.
TERMINATOR = """    ssl_protocols TLSv1.2;
    ssl_certificate {dir}/cert.pem;
    ssl_certificate_key {dir}/key.pem;
    ssl_session_cache shared:bench:8m;
    log_format tls "$ssl_session_reused $ssl_cipher";
    server {{
{tls}        location / {{ proxy_pass http://mock; }}
    }}
    server {{
{close}        keepalive_timeout 0;
        access_log {dir}/close.log tls;
        location / {{ proxy_pass http://mock; }}
    }}
    server {{
        listen 127.0.0.1:{plain} backlog=4096;
        location / {{ proxy_pass http://mock; }}
    }}
"""

HAPROXY = """global
    nbthread 1
    maxconn 4000
defaults
    mode http
    maxconn 4000
    http-reuse always
    option http-no-delay
    timeout connect 10s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
frontend front
    bind 127.0.0.1:{port}
    default_backend mock
backend mock
    server mock 127.0.0.1:{upstream}{tls}
"""

LLMUX = """listen = 127.0.0.1:{port}
state_dir = {dir}/state
log_level = error
max_clients = 4096
{ca}[provider bench]
type = openai
base_url = http://127.0.0.1:{mock}/v1
api_key = bench-no-secret
model = *
[provider benchmessages]
type = anthropic
base_url = http://127.0.0.1:{mock}
api_key = bench-no-secret
model = bench-messages
{tls}"""

LLMUX_TLS = """[provider bench{way}]
type = openai
base_url = https://localhost:{port}/v1
api_key = bench-no-secret
model = bench-{way}
"""


class Failed(Exception):
    """A program did not do what the measurement needs; the text says which and why."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def status_field(pid, name):
    """A number of /proc/PID/status (kB for sizes), 0 if there is none."""
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    return 0


def children(pid):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % name) as f:
                if int(f.read().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(name))
        except OSError:
            continue  # it ended meanwhile
    return found


def tasks(pid):
    return [int(t) for t in os.listdir("/proc/%d/task" % pid)]


def pin(pids, cpus):
    for pid in pids:
        for task in tasks(pid):
            try:
                os.sched_setaffinity(task, cpus)
            except ProcessLookupError:
                continue  # a thread that ended meanwhile


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Running:
    """One started program; a context manager that ends it."""
    started = []

    def __init__(self, name, argv, port, directory, cpus, env=None, workers=0):
        self.name, self.port = name, port
        self.log = os.path.join(directory, "output.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=directory,
                preexec_fn=lambda: os.sched_setaffinity(0, cpus))
        self.started.append(self.process)
        self.wait_ready(workers)
        self.pids = [self.process.pid] + children(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        stop(self.process)
        self.started.remove(self.process)

    @classmethod
    def stop_all(cls):
        for process in cls.started:
            stop(process)

    def wait_ready(self, workers):
        """Until the port is open and so many child processes are there: nginx listens before
        it has its worker."""
        due = time.monotonic() + START_S
        while time.monotonic() < due and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                if len(children(self.process.pid)) >= workers:
                    return
            except OSError:
                pass
            time.sleep(0.005)
        stop(self.process)
        raise Failed("%s does not accept connections; it said: %s" % (self.name, self.said()))

    def said(self):
        with open(self.log, errors="replace") as f:
            return " / ".join(f.read().strip().splitlines()[-3:]) or "nothing"

    def pin(self, cpus):
        pin(self.pids, cpus)

    def cpu_ns(self):
        """utime+stime of the program, with threads that have ended. It is read from the
        processes' CPU clocks, which count the same as /proc/PID/stat, in ns and not in 10 ms."""
        return sum(time.clock_gettime_ns(~pid << 3 | 2) for pid in self.pids)

    def rss_kb(self):
        total = 0
        for pid in self.pids:
            try:
                with open("/proc/%d/smaps_rollup" % pid) as f:
                    total += next(int(x.split()[1]) for x in f if x.startswith("Rss:"))
            except OSError:  # a process may refuse to be inspected; this field is public
                total += status_field(pid, "VmRSS")
        return total

    def peak_kb(self):
        return sum(status_field(pid, "VmHWM") for pid in self.pids)

    def wakeups(self):
        total = 0
        for pid in self.pids:
            for task in tasks(pid):
                total += status_field(task, "voluntary_ctxt_switches")
        return total

    def threads(self):
        return sum(status_field(pid, "Threads") for pid in self.pids)


class Subject:
    """A program that can be started for a way. `reason`: why it cannot be measured."""
    name = ""
    ways = ("plain", "tls", "close")
    workers = 0
    reason = None

    def __init__(self, rig):
        self.rig = rig

    def model(self, way):
        return "bench"

    def command(self, way, port, directory):
        raise NotImplementedError

    def environment(self, directory):
        return None

    def prepare(self, way):
        port, directory = free_port(), self.rig.directory(self.name)
        return port, directory, self.command(way, port, directory)

    def start(self, way="plain"):
        port, directory, argv = self.prepare(way)
        return Running(self.name, argv, port, directory, self.rig.proxy_cpu,
                       self.environment(directory), self.workers)


class Nginx(Subject):
    name = "nginx"
    workers = 1

    def __init__(self, rig):
        super().__init__(rig)
        self.binary = find_program("nginx")
        if self.binary is None:
            self.reason = "nginx is not installed"

    def argv(self, directory, http):
        user = "user root root;\n" if os.getuid() == 0 else ""
        write(directory + "/conf", NGINX.format(
            dir=directory, user=user, files=self.rig.files, http=http))
        return [self.binary, "-e", directory + "/error.log", "-p", directory,
                "-c", directory + "/conf"]

    def command(self, way, port, directory):
        upstream = {"plain": self.rig.mock_port, "tls": self.rig.tls_port,
                    "close": self.rig.close_port}[way]
        http = NGINX_UPSTREAM.format(name="up", port=upstream)
        if way != "plain":
            http += NGINX_TLS.format(ca=self.rig.ca)
        http += ("    server {{\n        listen 127.0.0.1:{port} backlog=4096;\n"
                 "        location / {{ proxy_pass {scheme}://up; }}\n    }}\n").format(
                     port=port, scheme="http" if way == "plain" else "https")
        return self.argv(directory, http)

    def start_terminator(self):
        """The TLS server before the mock, on the load's CPU; gives it and its ports."""
        directory = self.rig.directory("terminator")
        tls, close, plain = free_port(), free_port(), free_port()
        shutil.copy(self.rig.cert, directory + "/cert.pem")
        shutil.copy(self.rig.key, directory + "/key.pem")
        hosts = ["127.0.0.1"] + (["[::1]"] if has_ipv6() else [])
        http = NGINX_UPSTREAM.format(name="mock", port=self.rig.mock_port)
        http += TERMINATOR.format(
            dir=directory, plain=plain,
            **{name: "".join("        listen %s:%d ssl backlog=4096;\n" % (host, port)
                             for host in hosts)
               for name, port in (("tls", tls), ("close", close))})
        running = Running("terminator", self.argv(directory, http), plain, directory,
                          self.rig.load_cpu, workers=self.workers)
        return running, tls, close, plain, directory + "/close.log"


class Haproxy(Subject):
    name = "haproxy"

    def __init__(self, rig):
        super().__init__(rig)
        self.binary = find_program("haproxy")
        if self.binary is None:
            self.reason = "haproxy is not installed"

    def command(self, way, port, directory):
        upstream = {"plain": self.rig.mock_port, "tls": self.rig.tls_port,
                    "close": self.rig.close_port}[way]
        tls = "" if way == "plain" else (
            " ssl verify required ca-file %s sni str(localhost) verifyhost localhost" % self.rig.ca)
        write(directory + "/conf", HAPROXY.format(port=port, upstream=upstream, tls=tls))
        return [self.binary, "-db", "-f", directory + "/conf"]


class Llmux(Subject):
    name = "llmux"
    ways = ("plain", "tls", "close", "messages")

    def __init__(self, rig, binary):
        super().__init__(rig)
        self.binary = os.path.abspath(binary)
        if not os.access(self.binary, os.X_OK):
            self.reason = "there is no program %s" % os.path.relpath(self.binary)

    def model(self, way):
        return "bench" if way == "plain" else "bench-" + way

    def environment(self, directory):
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": directory}

    def command(self, way, port, directory):
        tls = ca = ""
        if self.rig.tls_port is not None:
            ca = "ca_file = %s\n" % self.rig.ca
            tls = (LLMUX_TLS.format(way="tls", port=self.rig.tls_port) +
                   LLMUX_TLS.format(way="close", port=self.rig.close_port))
        os.mkdir(directory + "/state", 0o700)
        write(directory + "/llmux.conf", LLMUX.format(
            port=port, dir=directory, mock=self.rig.mock_port, ca=ca, tls=tls))
        return [self.binary, "serve", "-c", directory + "/llmux.conf"]


def find_program(name):
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    return shutil.which(name, path=path)
