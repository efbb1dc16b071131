#!/usr/bin/env python3
"""Throughput of Doorward as a ratio to nginx's bare proxy, measured in interleaved slices. See README.md in this folder.

Everything runs on loopback, in a temporary folder, for a bounded time. What is started here is stopped here, by its process id.
"""

import argparse
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


def main():
    options = arguments()
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        sys.exit("two processors are needed: one for what is measured, one for the load and the upstream")
    subject_cpu, load_cpu = cpus[0], cpus[1]
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doorward-bench-")))
        # sys.exit runs what the stack holds, so that SIGTERM also stops every process.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        upstream = start_upstream(stack, folder, load_cpu)
        nginx, nginx_pids = start_nginx(stack, folder, subject_cpu, upstream)
        doorward, doorward_pids, cookie = start_doorward(stack, folder, subject_cpu, upstream, options.doorward)
        subjects = [
            Subject("nginx, bare proxy", nginx, "/open/1", [], nginx_pids),
            Subject('Doorward, `authentication = "none"`', doorward, "/open/1", [], doorward_pids),
            Subject("Doorward, session checked", doorward, "/checked/1", [f"Cookie: {cookie}"], doorward_pids),
        ]
        refuses_without_a_session(doorward)
        for subject in subjects:
            subject.answers()
            measure(subject, load_cpu, 1, options.connections)
        rounds = []
        for number in range(options.rounds):
            busy = wait_for_quiet(cpus, options.patience)
            rounds.append([measure(subject, load_cpu, options.seconds, options.connections) for subject in subjects])
            done = ", ".join(f"{slice_.rate:.0f}/s" for slice_ in rounds[-1])
            print(f"round {number + 1} of {options.rounds}: {done}; the machine was {busy:.0%} busy before it", file=sys.stderr)
    report(subjects, rounds, options)
    ratio = statistics.median(round_[2].rate / round_[0].rate for round_ in rounds)
    if options.at_least is not None and ratio < options.at_least:
        sys.exit(f"the session-checked proxy reaches {ratio:.2f} of nginx's bare proxy, less than {options.at_least}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--doorward", required=True, type=os.path.abspath, help="the program to measure")
    parser.add_argument("--rounds", type=int, default=7, help="how often each subject is measured (7)")
    parser.add_argument("--seconds", type=int, default=1, help="how long a slice lasts (1)")
    parser.add_argument("--connections", type=int, default=64, help="keep-alive connections (64)")
    parser.add_argument("--patience", type=int, default=20, help="how many seconds a round waits for a machine that rests (20)")
    parser.add_argument("--at-least", type=float, help="fail below this ratio of session-checked to nginx")
    return parser.parse_args()


class Subject:
    """What is measured: where it listens, what it is asked, and the processes whose time is charged to it."""

    def __init__(self, name, port, path, headers, pids):
        self.name, self.port, self.path, self.headers, self.pids = name, port, path, headers, pids

    def answers(self):
        status, body = get(self.port, self.path, dict(header.split(": ", 1) for header in self.headers))
        if status != 200 or body != BODY.encode():
            sys.exit(f"{self.name} answers {status} with {len(body)} bytes, not 200 with the upstream's {len(BODY)}")

    def cpu_seconds(self):
        return sum(cpu_seconds(pid) for pid in self.pids)


class Slice:
    def __init__(self, rate, requests, cpu, p99):
        self.rate, self.cpu_per_request, self.p99 = rate, cpu / max(requests, 1), p99


def measure(subject, cpu, seconds, connections):
    """One run of wrk. Anything but 200 makes it worthless, so it ends everything."""
    command = ["taskset", "-c", str(cpu), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "5s"]
    for header in subject.headers:
        command += ["-H", header]
    before = subject.cpu_seconds()
    out = subprocess.run(
        [*command, f"http://127.0.0.1:{subject.port}{subject.path}"], capture_output=True, text=True, timeout=seconds + 30, check=True
    ).stdout
    spent = subject.cpu_seconds() - before
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"{subject.name} did not answer everything:\n{out}")
    requests = int(re.search(r"(\d+) requests in", out)[1])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
    value, unit = re.search(r"\n\s+99%\s+([\d.]+)(us|ms|s)", out).groups()
    return Slice(rate, requests, spent, float(value) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit])


def report(subjects, rounds, options):
    print(f"\n{options.rounds} rounds of {options.seconds} s slices, {options.connections} connections, one thread each. "
          "Medians; ratios are of the same round, with their quartiles.\n")
    print("| subject | requests/s | x nginx | quartiles | CPU a request | x nginx | p99 |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for index, subject in enumerate(subjects):
        own, base = [round_[index] for round_ in rounds], [round_[0] for round_ in rounds]
        ratios = sorted(a.rate / b.rate for a, b in zip(own, base))
        cpu = statistics.median(a.cpu_per_request / max(b.cpu_per_request, 1e-9) for a, b in zip(own, base))
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


def spawn_nginx(stack, folder, cpu, port, before, location):
    folder.mkdir()
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log warn;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 100000000; {temporary} {before}\n"
        f"server {{ listen 127.0.0.1:{port}; {location} }} }}\n"
    )
    process = spawn(stack, cpu, ["nginx", "-e", f"{folder}/error.log", "-p", str(folder), "-c", f"{folder}/nginx.conf"], folder / "log")
    wait_for(process, port)
    return family(process.pid)


def start_doorward(stack, folder, cpu, upstream, program):
    """One server with both ways: `/open` under a firewall without authentication, `/checked` under the session firewall."""
    config = folder / "doorward.toml"
    config.write_text(f"""
[server]
listen = "127.0.0.1:0"
[operations]
listen = "127.0.0.1:0"
[log]
requests = "off"
[store]
url = "sqlite:bench.db"
[[directory]]
name = "customers"
kind = "customer"
[[firewall]]
name = "open"
path = '^/open/'
authentication = "none"
[[firewall]]
name = "main"
[routes]
files = ["routes.toml"]
[[upstream]]
name = "bench"
url = "http://127.0.0.1:{upstream}"
""")
    (folder / "routes.toml").write_text("""
[[route]]
methods = ["GET"]
path = "/open/:id"
require = ["anonymous"]
[[route]]
methods = ["GET"]
path = "/checked/:id"
require = ["self"]
""")
    add = [program, "user", "add", "--config", str(config), "customers/bench", "--password-stdin"]
    subprocess.run(add, input=PASSWORD, text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process = spawn(stack, cpu, [program, "serve", "--config", str(config)], folder / "doorward.log", stdout=subprocess.PIPE)
    ready = process.stdout.readline().decode()
    match = re.match(r"ready http://127\.0\.0\.1:(\d+)", ready)
    if not match:
        sys.exit(f"doorward is not ready: {ready!r}\n{(folder / 'doorward.log').read_text()}")
    port = int(match[1])
    return port, family(process.pid), sign_in(port)


def sign_in(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    body = json.dumps({"SessionInput": {"login": "bench", "password": PASSWORD}})
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    connection.request("POST", "/api/ibexa/v2/user/sessions", body, headers)
    response = connection.getresponse()
    text = response.read().decode()
    if response.status != 201:
        sys.exit(f"the sign-in answers {response.status}: {text}")
    session = json.loads(text)["Session"]
    return f"{session['name']}={session['identifier']}"


def refuses_without_a_session(port):
    """A proxy that lets everyone through would be fast."""
    status, _ = get(port, "/checked/1", {})
    if status != 401:
        sys.exit(f"without a session Doorward answers {status}, not 401")


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


def wait_for(process, port):
    end = time.monotonic() + 10
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    sys.exit(f"nothing listens on port {port}")


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


if __name__ == "__main__":
    main()
