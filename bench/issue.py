#!/usr/bin/env python3
"""What issuing tokens costs: rate, latency and memory of the authorization server, beside npm's certified `oidc-provider`.

Three groups, each a table of ratios to that peer: tokens of clients with a secret, the same with a signed assertion, and refresh tokens
that are replaced each time. See README.md in this folder.
"""

import base64
import hashlib
import html
import http.client
import json
import os
import pathlib
import re
import secrets
import statistics
import subprocess
import sys
import time
import urllib.parse

import harness
from harness import Subject, Wrk

SECRET = "a-sample-secret-of-the-benchmark-that-is-long-enough"
REDIRECT = "https://app.example.com/callback"
RESOURCE = "https://orders.example.com"
# More than either answers in a second.
ASSERTIONS_A_SECOND = 12_000
TABLES = f"""
[passwords]
memory_kib = 1024
iterations = 1
[oauth]
resources = ["{RESOURCE}"]
[oauth.scopes]
orders = "See your orders"
"""
PEER = "oidc-provider"
BASIC = "Authorization: Basic " + base64.b64encode(f"bench:{SECRET}".encode()).decode()
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CLIENT_CREDENTIALS = f"grant_type=client_credentials&scope=orders&resource={urllib.parse.quote(RESOURCE, safe='')}"


def main():
    parser = harness.arguments(__doc__)
    parser.add_argument("--modules", required=True, type=os.path.abspath, help="where npm's `oidc-provider` is installed")
    parser.add_argument("--only", default="", metavar="WORD", help="measure only the groups whose titles have this word")
    options = parser.parse_args()
    cpus = harness.processors()
    with harness.workplace() as (stack, folder):
        key = signing_key(folder)
        ours = start_doorward(stack, folder / "doorward", cpus[0], options, folder / "jwks.json")
        peer = start_peer(stack, folder, cpus[0], options)
        results = []
        for title, subjects in groups(folder, ours, peer, key, options):
            if options.only.lower() not in title.lower():
                continue
            rest = [subject.memory() for subject in subjects]
            for subject in subjects:
                subject.measure(cpus[1], 1, options.connections)
            print(title, file=sys.stderr)
            results.append((title, subjects, rest, harness.measure_all(subjects, cpus, options)))
    for title, subjects, rest, rounds in results:
        print(f"\n## {title}")
        harness.report(PEER, subjects, rounds, options)
        latency_and_memory(subjects, rest, rounds)


def latency_and_memory(subjects, rest, rounds):
    """Medians; ratios are of the same round."""
    print(f"\n| subject | p50 | x {PEER} | p99 | x {PEER} | resident before | after | x {PEER} |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for index, subject in enumerate(subjects):
        own, first = [round_[index] for round_ in rounds], [round_[0] for round_ in rounds]

        def ratio(what):
            return statistics.median(what(a) / max(what(b), 1e-9) for a, b in zip(own, first))

        print(f"| {subject.name} | {statistics.median(s.p50 for s in own) * 1e3:.2f} ms | {ratio(lambda s: s.p50):.2f} "
              f"| {statistics.median(s.p99 for s in own) * 1e3:.2f} ms | {ratio(lambda s: s.p99):.2f} "
              f"| {rest[index] / 2**20:.0f} MiB | {own[-1].memory / 2**20:.0f} MiB | {ratio(lambda s: s.memory):.2f} |")


def groups(folder, ours, peer, key, options):
    """Each group's peer comes first."""
    both = [(PEER, *peer), ("Doorward", *ours)]

    each = ASSERTIONS_A_SECOND * options.seconds
    plans = [
        ("Tokens of a client with a secret", lambda port, mint: Forms(folder, "again", [BASIC], lambda _: [CLIENT_CREDENTIALS])),
        ("Tokens of a client with a signed assertion",
         lambda port, mint: Forms(folder, "once", [], lambda count: assertions(key, port, count), each)),
        ("Refresh tokens, each replaced by the next", lambda port, mint: Forms(folder, "refresh", [BASIC], mint)),
    ]
    for title, forms in plans:
        found = [Subject(name, port, "/token", Wrk((), forms(port, mint), "forms.lua"), pids) for name, port, pids, mint in both]
        for subject in found:
            issues(subject)
        yield title, found


class Forms:
    """What is sent in one slice, as `forms.lua` takes it."""

    def __init__(self, folder, how, headers, make, each=None):
        self.file, self.how, self.headers, self.make, self.each = folder / "forms", how, headers, make, each

    def next_slice(self, connections):
        # The load asks once to look at the form of a request, and sends it to nobody.
        lines = self.make(self.each or connections + 2)
        self.file.write_text("".join(line + "\n" for line in lines))
        return [self.how, self.file, *self.headers]


def issues(subject):
    """A signed access token for the resource to whoever proves to be the client, and nothing to anybody else."""
    forms = subject.load.tokens
    before = "grant_type=refresh_token&refresh_token=" if forms.how == "refresh" else ""
    headers = FORM | dict(header.split(": ", 1) for header in forms.headers)
    form = before + forms.make(3)[0]
    status, body, _ = ask("POST", subject.port, "/token", headers, form)
    answer = json.loads(body)
    parts = answer.get("access_token", "").split(".")
    if status != 200 or len(parts) != 3:
        sys.exit(f"{subject.name} answers {status} and no signed token: {body[:300]}")
    head, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[:2])
    if (head["alg"], head["typ"], claims["scope"].split()[0], claims["aud"]) != ("EdDSA", "at+jwt", "orders", RESOURCE):
        sys.exit(f"{subject.name} issues another token: {head} {claims}")
    if forms.how == "refresh" and "refresh_token" not in answer:
        sys.exit(f"{subject.name} replaces no refresh token: {body[:300]}")
    wrong = dict(headers, Authorization="Basic " + base64.b64encode(b"bench:wrong").decode())
    for headers, form in ((wrong, before + forms.make(3)[0]), (headers, "grant_type=client_credentials&client_id=signed")):
        status, body, _ = ask("POST", subject.port, "/token", headers, form)
        if status == 200:
            sys.exit(f"{subject.name} issues a token to anybody: {body[:300]}")


def start_peer(stack, folder, cpu, options):
    port = harness.free_port()
    script = pathlib.Path(__file__).with_name("issuer.mjs")
    log = folder / "peer.log"
    command = ["node", str(script), options.modules, str(port), str(folder / "jwks.json")]
    process = harness.spawn(stack, cpu, command, log)
    harness.wait_for(process, port, log)
    return port, [process.pid], lambda count: harness.post(port, f"/mint?n={count}", "", 200).split()


def start_doorward(stack, home, cpu, options, jwks):
    """With the clients, and somebody who allows one of them to come back."""
    home.mkdir()
    program = options.doorward
    (home / "doorward.toml").write_text(harness.configuration(TABLES))
    command = ["--config", str(home / "doorward.toml")]
    scopes = ["--scope", "orders", "--scope", "offline_access"]
    grants = [word for grant in ("client_credentials", "authorization_code", "refresh_token") for word in ("--grant", grant)]
    for arguments, text in (
        (["user", "add", "customers/bench", "--password-stdin"], harness.PASSWORD),
        (["client", "add", "bench", "--secret-stdin", "--redirect-uri", REDIRECT, *grants, *scopes], SECRET),
        (["client", "add", "signed", "--auth-method", "private_key_jwt", "--jwks", str(jwks), "--scope", "orders"], ""),
    ):
        done = subprocess.run([program, *arguments, *command], input=text, text=True, check=False, capture_output=True)
        if done.returncode:
            sys.exit(done.stderr)
    port, pids = harness.serve_doorward(stack, home, cpu, program)
    cookie = {"Cookie": harness.sign_in(port)}
    return port, pids, lambda count: [refresh_token(port, cookie) for _ in range(count)]


def refresh_token(port, cookie):
    """By the whole way: a code, after a consent that is remembered, and a refresh token for it."""
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {"response_type": "code", "client_id": "bench", "redirect_uri": REDIRECT, "scope": "orders offline_access",
             "resource": RESOURCE, "code_challenge": challenge, "code_challenge_method": "S256"}
    status, body, to = ask("GET", port, "/authorize?" + urllib.parse.urlencode(asked), cookie)
    if status == 200:
        fields = {name: html.unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', body)}
        form = urllib.parse.urlencode(fields | {"decision": "allow"})
        status, body, to = ask("POST", port, "/authorize/consent", cookie | FORM, form)
    code = urllib.parse.parse_qs(urllib.parse.urlparse(to or "").query).get("code")
    if not code:
        sys.exit(f"Doorward gives no code: {status} {to} {body[:300]}")
    form = {"grant_type": "authorization_code", "code": code[0], "redirect_uri": REDIRECT, "code_verifier": verifier}
    _, body, _ = ask("POST", port, "/token", FORM | dict([BASIC.split(": ", 1)]), urllib.parse.urlencode(form))
    return json.loads(body)["refresh_token"]


def ask(method, port, path, headers, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response.status, response.read().decode(), response.getheader("location")


def signing_key(folder):
    """The key of the client `signed`; its public part is in `jwks.json`."""
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_numbers()
    x, y = (b64(number.to_bytes(32, "big")) for number in (point.x, point.y))
    jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "bench", "alg": "ES256", "use": "sig"}
    (folder / "jwks.json").write_text(json.dumps({"keys": [jwk]}))
    return key


def assertions(key, port, count):
    """Forms with assertions of which each is good once (RFC 7523)."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    head = b64(json.dumps({"alg": "ES256", "kid": "bench"}).encode())
    kind = urllib.parse.quote("urn:ietf:params:oauth:client-assertion-type:jwt-bearer", safe="")
    forms = []
    for _ in range(count):
        now = int(time.time())
        claims = {"iss": "signed", "sub": "signed", "aud": f"http://127.0.0.1:{port}", "iat": now, "exp": now + 600,
                  "jti": secrets.token_urlsafe(16)}
        text = head + "." + b64(json.dumps(claims).encode())
        numbers = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        signature = b64(b"".join(number.to_bytes(32, "big") for number in numbers))
        forms.append(f"{CLIENT_CREDENTIALS}&client_id=signed&client_assertion_type={kind}&client_assertion={text}.{signature}")
    return forms


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


if __name__ == "__main__":
    main()
