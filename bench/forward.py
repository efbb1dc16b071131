#!/usr/bin/env python3
"""Verdicts for other proxies, as ratios to nginx's bare proxy: asked by the load itself, and by nginx for each request
(`auth_request`), permitted and refused. See README.md in this folder.

Everything runs on loopback, in a temporary folder, for a bounded time. What is started here is stopped here, by its process id.
"""

import harness
from harness import Subject, Wrk

SERVER = 'trusted_proxies = ["127.0.0.1"]'
TABLES = """
[[forward_auth]]
convention = "nginx"
path = "/_ask"
"""
ROUTES = """
[[route]]
methods = ["GET"]
path = "/checked/:id"
require = ["self"]
"""


def start_asking_nginx(stack, folder, cpu, doorward, upstream):
    """nginx that asks Doorward about each request, and hands on what `doorward init nginx` has it hand on of the answer."""
    port = harness.free_port()
    keep = "keepalive 128; keepalive_requests 100000000;"
    pools = f"upstream behind {{ server 127.0.0.1:{upstream}; {keep} }} upstream doorward {{ server 127.0.0.1:{doorward}; {keep} }}"
    told = ["identity", "login", "roles", "method", "request-id", "assertion"]
    variables = [(f"Doorward-{name}", "$doorward_" + name.replace("-", "_"), "$upstream_http_doorward_" + name.replace("-", "_"))
                 for name in told]
    taken = " ".join(f"auth_request_set {variable} {answer};" for _, variable, answer in variables)
    passed = " ".join(f"proxy_set_header {header} {variable};" for header, variable, _ in variables)
    locations = f"""
location / {{
    auth_request /_ask; {taken}
    proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Cookie ""; {passed}
}}
location = /_ask {{
    internal; proxy_pass http://doorward; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_pass_request_body off; proxy_set_header Content-Length "";
    proxy_set_header X-Original-Method $request_method; proxy_set_header X-Original-URL $scheme://$http_host$request_uri;
}}"""
    return port, harness.spawn_nginx(stack, folder / "asking", cpu, port, pools, locations)


def main():
    options = harness.arguments(__doc__).parse_args()
    cpus = harness.processors()
    with harness.workplace() as (stack, folder):
        upstream = harness.start_upstream(stack, folder, cpus[1])
        nginx, nginx_pids = harness.start_nginx(stack, folder, cpus[0], upstream)
        config = harness.configuration(TABLES, upstream, SERVER)
        port, pids = harness.start_doorward(stack, folder, cpus[0], options.doorward, config, ROUTES)
        asking, asking_pids = start_asking_nginx(stack, folder, cpus[0], port, upstream)
        cookie = f"Cookie: {harness.sign_in(port)}"
        question = ["X-Original-Method: GET", f"X-Original-URL: http://127.0.0.1:{port}/checked/1"]
        both = asking_pids + pids
        subjects = [
            Subject("nginx, bare proxy", nginx, "/checked/1", Wrk(), nginx_pids),
            Subject("Doorward, a verdict: permitted", port, "/_ask", Wrk([cookie, *question]), pids, expected=(200, "")),
            Subject("Doorward, a verdict: refused", port, "/_ask", Wrk(question, refused=True), pids, expected=(401, "")),
            Subject("nginx that asks Doorward: permitted", asking, "/checked/1", Wrk([cookie]), both),
            Subject("nginx that asks Doorward: refused", asking, "/checked/1", Wrk(refused=True), both, expected=(401, None)),
        ]
        harness.refuses(asking, "/checked/1")
        for subject in subjects:
            subject.answers()
            subject.measure(cpus[1], 1, options.connections)
        rounds = harness.measure_all(subjects, cpus, options)
    harness.report("nginx", subjects, rounds, options)


if __name__ == "__main__":
    main()
