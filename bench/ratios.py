#!/usr/bin/env python3
"""Throughput of Doorward as a ratio to nginx's bare proxy, measured in interleaved slices. See README.md in this folder.

Everything runs on loopback, in a temporary folder, for a bounded time. What is started here is stopped here, by its process id.
"""

import statistics
import sys

import harness
from harness import Subject, Wrk

TABLES = """
[[firewall]]
name = "open"
path = '^/open/'
authentication = "none"
[[firewall]]
name = "main"
"""
ROUTES = """
[[route]]
methods = ["GET"]
path = "/open/:id"
require = ["anonymous"]
[[route]]
methods = ["GET"]
path = "/checked/:id"
require = ["self"]
"""


def main():
    parser = harness.arguments(__doc__)
    parser.add_argument("--at-least", type=float, help="fail below this ratio of session-checked to nginx")
    options = parser.parse_args()
    cpus = harness.processors()
    with harness.workplace() as (stack, folder):
        upstream = harness.start_upstream(stack, folder, cpus[1])
        nginx, nginx_pids = harness.start_nginx(stack, folder, cpus[0], upstream)
        config = harness.configuration(TABLES, upstream)
        port, pids = harness.start_doorward(stack, folder, cpus[0], options.doorward, config, ROUTES)
        cookie = harness.sign_in(port)
        subjects = [
            Subject("nginx, bare proxy", nginx, "/open/1", Wrk(), nginx_pids),
            Subject('Doorward, `authentication = "none"`', port, "/open/1", Wrk(), pids),
            Subject("Doorward, session checked", port, "/checked/1", Wrk([f"Cookie: {cookie}"]), pids),
        ]
        harness.refuses(port, "/checked/1")
        for subject in subjects:
            subject.answers()
            subject.measure(cpus[1], 1, options.connections)
        rounds = harness.measure_all(subjects, cpus, options)
    harness.report("nginx", subjects, rounds, options)
    ratio = statistics.median(round_[2].rate / round_[0].rate for round_ in rounds)
    if options.at_least is not None and ratio < options.at_least:
        sys.exit(f"the session-checked proxy reaches {ratio:.2f} of nginx's bare proxy, less than {options.at_least}")


if __name__ == "__main__":
    main()
