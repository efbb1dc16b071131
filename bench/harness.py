"""What the benchmarks share: subjects, slices, and processes that are stopped by their id. See README.md in this folder."""

import argparse
import collections
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PASSWORD = "a sample password of the benchmark"
BODY = "x" * 1024
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Wrk:
    """A load of one request again and again or, with `tokens`, of another bearer token in each; or with a script of its own, and
    what that needs before each slice. What is to be `refused` is worthless where anything was not."""

    def __init__(self, headers=(), tokens=None, script="tokens.lua", refused=False):
        self.headers, self.tokens, self.script, self.refused = headers, tokens, script, refused

    def run(self, url, cpu, seconds, connections):
        command = ["taskset", "-c", str(cpu), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "5s"]
        for header in self.headers:
            command += ["-H", header]
        if self.tokens:
            command += ["-s", str(pathlib.Path(__file__).with_name(self.script))]
        command.append(url)
        if self.tokens:
            command += ["--", *map(str, self.tokens.next_slice(connections))]
        out = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=False)
        requests = int((re.search(r"(\d+) requests in", out.stdout) or [0, 0])[1])
        failed = int((re.search(r"Non-2xx or 3xx responses: (\d+)", out.stdout) or [0, 0])[1])
        wrong = failed != (requests if self.refused else 0)
        if out.returncode or wrong or "Socket errors" in out.stdout or "no token is left" in out.stderr:
            sys.exit(f"{url} did not answer everything:\n{out.stdout}{out.stderr}")

        def within(percent):
            value, unit = re.search(rf"\n\s+{percent}%\s+([\d.]+)(us|ms|s)", out.stdout).groups()
            return float(value) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit]

        return Load(
            rate=float(re.search(r"Requests/sec:\s+([\d.]+)", out.stdout)[1]),
            requests=requests,
            p99=within(99),
            p50=within(50),
        )


Load = collections.namedtuple("Load", "rate requests p99 p50", defaults=(None,))
Slice = collections.namedtuple("Slice", "rate cpu_per_request p99 p50 memory")


class Subject:
    """What is measured: where it listens, what it is asked by which load, and the processes whose time is charged to it. What is
    `expected` is a status and a body, of which None is any."""

    def __init__(self, name, port, path, load, pids, scheme="http", expected=(200, BODY)):
        self.name, self.port, self.path, self.load, self.pids, self.scheme = name, port, path, load, pids, scheme
        self.expected = expected

    def answers(self):
        """Whether it answers what is expected (most often what the upstream does), once."""
        status, body = get(self.port, self.path, dict(header.split(": ", 1) for header in self.load.headers))
        expected, text = self.expected
        if status != expected or text is not None and body != text.encode():
            sys.exit(f"{self.name} answers {status} with {len(body)} bytes, not {expected} with {len(text or '')}")

    def measure(self, cpu, seconds, connections):
        """One slice. Anything but 200 makes it worthless, so it ends everything."""
        before = self.cpu_seconds()
        load = self.load.run(f"{self.scheme}://127.0.0.1:{self.port}{self.path}", cpu, seconds, connections)
        spent = (self.cpu_seconds() - before) / max(load.requests, 1)
        return Slice(load.rate, spent, load.p99, load.p50, self.memory())

    def cpu_seconds(self):
        return sum(cpu_seconds(pid) for pid in self.pids)

    def memory(self):
        """What is resident of its processes now, in bytes."""
        return sum(int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids) * os.sysconf("SC_PAGE_SIZE")


def arguments(description):
    """The options that all have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--doorward", required=True, type=os.path.abspath, help="the program to measure")
    parser.add_argument("--rounds", type=int, default=7, help="how often each subject is measured (7)")
    parser.add_argument("--seconds", type=int, default=1, help="how long a slice lasts (1)")
    parser.add_argument("--connections", type=int, default=64, help="keep-alive connections (64)")
    parser.add_argument("--patience", type=int, default=20, help="how many seconds a round waits for a machine that rests (20)")
    return parser


def processors():
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        sys.exit("two processors are needed: one for what is measured, one for the load and the upstream")
    return cpus


@contextlib.contextmanager
def workplace():
    """A temporary folder, and a stack that stops what was started, also at SIGTERM."""
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doorward-bench-")))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        yield stack, folder


def measure_all(subjects, cpus, options):
    """The rounds: a slice of every subject in each."""
    rounds = []
    for number in range(options.rounds):
        busy = wait_for_quiet(cpus, options.patience)
        rounds.append([subject.measure(cpus[1], options.seconds, options.connections) for subject in subjects])
        done = ", ".join(f"{slice_.rate:.0f}/s" for slice_ in rounds[-1])
        print(f"round {number + 1} of {options.rounds}: {done}; the machine was {busy:.0%} busy before it", file=sys.stderr)
    return rounds


def report(base, subjects, rounds, options):
    """A table of ratios to `base`, the first of `subjects`."""
    print(f"\n{options.rounds} rounds of {options.seconds} s slices, {options.connections} connections, one thread each. "
          "Medians; ratios are of the same round, with their quartiles.\n")
    print(f"| subject | requests/s | x {base} | quartiles | CPU a request | x {base} | p99 |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for index, subject in enumerate(subjects):
        own, first = [round_[index] for round_ in rounds], [round_[0] for round_ in rounds]
        ratios = sorted(a.rate / b.rate for a, b in zip(own, first))
        cpu = statistics.median(a.cpu_per_request / max(b.cpu_per_request, 1e-9) for a, b in zip(own, first))
        low, high = ratios[len(ratios) // 4], ratios[3 * len(ratios) // 4]
        print(f"| {subject.name} | {statistics.median(s.rate for s in own):,.0f} | {statistics.median(ratios):.2f} "
              f"| {low:.2f} - {high:.2f} | {statistics.median(s.cpu_per_request for s in own) * 1e6:.1f} us | {cpu:.2f} "
              f"| {statistics.median(s.p99 for s in own) * 1e3:.1f} ms |")


def start_upstream(stack, folder, cpu):
    """A service that answers 1 KB from memory; it shares the load's processor, so it must be cheap."""
    port = free_port()
    answer = f'location / {{ default_type text/plain; return 200 "{BODY}"; }}'
    spawn_nginx(stack, folder / "upstream", cpu, port, "", answer)
    return port


def start_nginx(stack, folder, cpu, upstream):
    port = free_port()
    pool = f"upstream behind {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 100000000; }}"
    proxy = 'location / { proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ""; }'
    return port, spawn_nginx(stack, folder / "nginx", cpu, port, pool, proxy)


def spawn_nginx(stack, folder, cpu, listen, before, location, port=None):
    """nginx that listens on `listen`: a port, with words behind it where `port` has it alone."""
    folder.mkdir()
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log warn;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 100000000; {temporary} {before}\n"
        f"server {{ listen 127.0.0.1:{listen}; {location} }} }}\n"
    )
    process = spawn(stack, cpu, ["nginx", "-e", f"{folder}/error.log", "-p", str(folder), "-c", f"{folder}/nginx.conf"], folder / "log")
    wait_for(process, port or listen, folder / "log")
    return family(process.pid)


def configuration(tables, upstream=None, tls=""):
    """A configuration with a directory of customers, these tables, and what is behind."""
    behind = f"""
[routes]
files = ["routes.toml"]
[[upstream]]
name = "bench"
url = "http://127.0.0.1:{upstream}"
"""
    return f"""
[server]
listen = "127.0.0.1:0"
{tls}
[operations]
listen = "127.0.0.1:0"
[log]
requests = "off"
[store]
url = "sqlite:bench.db"
[[directory]]
name = "customers"
kind = "customer"
{tables}{behind if upstream else ""}"""


def start_doorward(stack, folder, cpu, program, config, routes):
    """A server with one customer, `bench`. Port and processes."""
    file = folder / "doorward.toml"
    file.write_text(config)
    (folder / "routes.toml").write_text(routes)
    add = [program, "user", "add", "--config", str(file), "customers/bench", "--password-stdin"]
    added = subprocess.run(add, input=PASSWORD, text=True, check=False, capture_output=True)
    if added.returncode:
        sys.exit(added.stderr)
    return serve_doorward(stack, folder, cpu, program)


def serve_doorward(stack, folder, cpu, program):
    """A server of the configuration there. Port and processes."""
    file = folder / "doorward.toml"
    process = spawn(stack, cpu, [program, "serve", "--config", str(file)], folder / "doorward.log", stdout=subprocess.PIPE)
    ready = process.stdout.readline().decode()
    match = re.match(r"ready https?://[^:]+:(\d+)", ready)
    if not match:
        sys.exit(f"doorward is not ready: {ready!r}\n{(folder / 'doorward.log').read_text()}")
    return int(match[1]), family(process.pid)


def sign_in(port):
    """A session of `bench`, as a cookie."""
    body = json.dumps({"SessionInput": {"login": "bench", "password": PASSWORD}})
    session = json.loads(post(port, "/api/ibexa/v2/user/sessions", body, 201))["Session"]
    return f"{session['name']}={session['identifier']}"


def post(port, path, body, expected):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", path, body, {"Content-Type": "application/json", "Accept": "application/json"})
    response = connection.getresponse()
    text = response.read().decode()
    if response.status != expected:
        sys.exit(f"{path} answers {response.status}: {text}")
    return text


def refuses(port, path):
    """A proxy that lets everyone through would be fast."""
    status, _ = get(port, path, {})
    if status != 401:
        sys.exit(f"without a credential Doorward answers {status} to {path}, not 401")


def get(port, path, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    return response.status, response.read()


def spawn(stack, cpu, command, log, stdout=None):
    # The handle must outlive the process; the stack closes it after the process ended.
    sink = stack.enter_context(open(log, "w", encoding="utf-8"))
    process = subprocess.Popen(["taskset", "-c", str(cpu), *command], stdout=stdout or sink, stderr=sink, stdin=subprocess.DEVNULL)
    stack.callback(stop, process)
    return process


def stop(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(process, port, log=None):
    end = time.monotonic() + 10
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    sys.exit(f"nothing listens on port {port}\n{log.read_text() if log else ''}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def family(pid):
    """The process and its children: nginx works in a child. `taskset` has become the program itself."""
    end = time.monotonic() + 1
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    while time.monotonic() < end and not children.read_text().split():
        time.sleep(0.05)
    return [pid, *map(int, children.read_text().split())]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def wait_for_quiet(cpus, patience):
    """Waits until the machine rests, but not for ever. How busy it was in the end; what it does then it also does in a slice."""
    end = time.monotonic() + patience
    while (busy := how_busy(cpus)) > 0.15 and time.monotonic() < end:
        time.sleep(0.5)
    return busy


def how_busy(cpus):
    """The share of time in which the two processors had something to do while nothing was measured."""

    def idle_and_total():
        lines = [line.split() for line in pathlib.Path("/proc/stat").read_text().splitlines()]
        rows = [list(map(int, line[1:9])) for line in lines if line[0] in {f"cpu{cpu}" for cpu in cpus[:2]}]
        return sum(row[3] + row[4] for row in rows), sum(map(sum, rows))

    idle, total = idle_and_total()
    time.sleep(0.3)
    idle_after, total_after = idle_and_total()
    return 1 - (idle_after - idle) / max(total_after - total, 1)
