#!/usr/bin/env python3
"""What other methods than sessions cost: Basic, JSON Web Tokens and client certificates, each beside its best peer.

Four groups, each a table of ratios to its first line: credentials that come again, beside a session; tokens that were never seen
before, beside HAProxy; requests, and whole handshakes, with a client certificate, beside nginx. See README.md in this folder.
"""

import base64
import hashlib
import hmac
import json
import re
import subprocess
import sys
import time

import harness
from harness import BODY, Load, Subject, Wrk

SECRET = "a-sample-secret-of-the-benchmark-that-is-long-enough"
# More than any of them verifies in a second.
TOKENS_A_SECOND = {"HS256": 45_000, "ES256": 16_000, "RS256": 25_000}
TABLES = f"""
[jwt]
algorithm = "HS256"
secret = "{SECRET}"
[[firewall]]
name = "basic"
path = '^/basic/'
authentication = "basic"
[[firewall]]
name = "jwt"
path = '^/jwt/'
authentication = "jwt"
"""
MAIN = '[[firewall]]\nname = "main"\n'
METHODS = ("session", "basic", "jwt", "certificate")
ROUTES = "".join(f'[[route]]\nmethods = ["GET"]\npath = "/{name}/:id"\nrequire = ["self"]\n' for name in METHODS)
CERTIFICATE = """
[[firewall]]
name = "certificate"
path = '^/certificate/'
authentication = "certificate"
[certificate]
map = "cn"
"""
TLS = '[server.tls]\ncertificate = "server.pem"\nprivate_key = "server.key"\nclient_ca = "ca.pem"\n'


def main():
    parser = harness.arguments(__doc__)
    parser.add_argument("--only", default="", metavar="WORD", help="measure only the groups whose titles have this word")
    options = parser.parse_args()
    cpus = harness.processors()
    with harness.workplace() as (stack, folder):
        upstream = harness.start_upstream(stack, folder, cpus[1])
        groups = [*http_groups(stack, folder, cpus, upstream, options), *tls_groups(stack, folder, cpus, upstream, options)]
        results = []
        for title, base, subjects in groups:
            if options.only.lower() not in title.lower():
                continue
            for subject in subjects:
                subject.measure(cpus[1], 1, options.connections)
            print(title, file=sys.stderr)
            results.append((title, base, subjects, harness.measure_all(subjects, cpus, options)))
    for title, base, subjects, rounds in results:
        print(f"\n## {title}")
        harness.report(base, subjects, rounds, options)


def http_groups(stack, folder, cpus, upstream, options):
    """Credentials that come again, and tokens that never came before."""
    keys = make_keys(folder)
    home = folder / "plain"
    home.mkdir()
    config = harness.configuration(TABLES + MAIN, upstream)
    port, pids = harness.start_doorward(stack, home, cpus[0], options.doorward, config, ROUTES)
    for kind in ("ES256", "RS256"):
        take = [options.doorward, "key", "import", "jwt", "--pem-stdin", "--config", str(home / "doorward.toml")]
        subprocess.run(take, input=keys[kind].read_text(), text=True, check=True, stdout=subprocess.DEVNULL)
    asked = json.dumps({"JWTInput": {"username": "bench", "password": harness.PASSWORD}})
    answer = json.loads(harness.post(port, "/api/ibexa/v2/user/token/jwt", asked, 200))
    pair = base64.b64encode(f"bench:{harness.PASSWORD}".encode()).decode()
    again = [
        Subject("Doorward, session", port, "/session/1", Wrk([f"Cookie: {harness.sign_in(port)}"]), pids),
        Subject("Doorward, Basic", port, "/basic/1", Wrk([f"Authorization: Basic {pair}"]), pids),
        Subject("Doorward, JSON Web Token", port, "/jwt/1", Wrk([f"Authorization: Bearer {answer['JWT']['token']}"]), pids),
    ]
    for subject in again:
        harness.refuses(port, subject.path)
        subject.answers()
    groups = [("Credentials that come again", "session", again)]
    kids = {key["alg"]: key["kid"] for key in json.loads(harness.get(port, "/.well-known/jwks.json", {})[1])["keys"]}
    for kind in TOKENS_A_SECOND:
        tokens = Tokens(folder / kind, kind, keys, kids.get(kind), options)
        proxy, proxy_pids = start_haproxy(stack, folder, cpus[0], upstream, kind, keys)
        subjects = [
            Subject("HAProxy", proxy, "/jwt/1", Wrk(tokens=tokens), proxy_pids),
            Subject("Doorward", port, "/jwt/1", Wrk(tokens=tokens), pids),
        ]
        for subject in subjects:
            accepts(subject, tokens)
        groups.append((f"Tokens that were never seen before, {kind}", "HAProxy", subjects))
    return groups


class Tokens:
    """Tokens of one algorithm, each of which is good and is used by each subject once."""

    def __init__(self, folder, kind, keys, kid, options):
        folder.mkdir()
        self.folder, self.sign = folder, signer(kind, keys)
        self.head = b64(json.dumps({"typ": "JWT", "alg": kind} | ({"kid": kid} if kid else {})).encode())
        self.each = TOKENS_A_SECOND[kind] * options.seconds
        self.made = 0

    def one(self):
        self.made += 1
        now = int(time.time())
        claims = {"iat": now - 1, "exp": now + 3600, "roles": ["ROLE_USER"], "username": "bench", "sub": "customers/1", "n": self.made}
        text = self.head + "." + b64(json.dumps(claims).encode())
        return text + "." + b64(self.sign(text.encode()))

    def next_slice(self, _connections):
        file = self.folder / "tokens"
        file.write_text("".join(self.one() + "\n" for _ in range(self.each)))
        return [file]


def accepts(subject, tokens):
    """A good token, and no other: a proxy that verifies nothing would be fast."""
    good = tokens.one()
    head, claims, signature = good.split(".")
    bad = ".".join((head, claims, ("A" if signature[0] != "A" else "B") + signature[1:]))
    answers = [harness.get(subject.port, subject.path, {"Authorization": f"Bearer {token}"}) for token in (good, bad)]
    if answers[0] != (200, BODY.encode()) or answers[1][0] != 401:
        sys.exit(f"{subject.name} answers {answers[0][0]} to a good token and {answers[1][0]} to a forged one")


def signer(kind, keys):
    if kind == "HS256":
        return lambda text: hmac.digest(SECRET.encode(), text, hashlib.sha256)
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

    key = serialization.load_pem_private_key(keys[kind].read_bytes(), None)
    if kind == "RS256":
        return lambda text: key.sign(text, padding.PKCS1v15(), hashes.SHA256())

    def es256(text):
        numbers = utils.decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
        return b"".join(number.to_bytes(32, "big") for number in numbers)

    return es256


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_keys(folder):
    keys = {"ES256": folder / "es.pem", "RS256": folder / "rs.pem"}
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", keys["ES256"])
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", keys["RS256"])
    return keys


def start_haproxy(stack, folder, cpu, upstream, kind, keys):
    """HAProxy as its documentation shows it: algorithm, end and signature are looked at."""
    port = harness.free_port()
    key = SECRET
    if kind != "HS256":
        key = folder / f"{kind}.pub"
        openssl("pkey", "-in", keys[kind], "-pubout", "-out", key)
    config = folder / f"haproxy-{kind}.cfg"
    config.write_text(f"""
global
  nbthread 1
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
  http-reuse always
backend up
  server s 127.0.0.1:{upstream} pool-max-conn 512
frontend jwt
  bind 127.0.0.1:{port}
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless {{ var(txn.alg) -m str {kind} }}
  http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
  http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_verify(txn.alg,"{key}") -m int 1 }}
  default_backend up
""")
    process = harness.spawn(stack, cpu, ["haproxy", "-db", "-f", str(config)], folder / f"haproxy-{kind}.log")
    harness.wait_for(process, port, folder / f"haproxy-{kind}.log")
    return port, [process.pid]


def tls_groups(stack, folder, cpus, upstream, options):
    """Requests, and whole handshakes, with a client certificate."""
    home = folder / "tls"
    home.mkdir()
    make_certificates(home)
    config = harness.configuration(TABLES + CERTIFICATE + MAIN, upstream, TLS)
    port, pids = harness.start_doorward(stack, home, cpus[0], options.doorward, config, ROUTES)
    nginx = harness.free_port()
    pool = f"upstream behind {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 100000000; }}"
    tls = (f"ssl_certificate {home}/server.pem; ssl_certificate_key {home}/server.key; ssl_client_certificate {home}/ca.pem; "
           "ssl_verify_client on; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off;")
    proxy = 'location / { proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ""; }'
    nginx_pids = harness.spawn_nginx(stack, folder / "nginx-tls", cpus[0], f"{nginx} ssl", pool, tls + proxy, nginx)
    groups = []
    for title, keep in (("Requests with a client certificate", True), ("Handshakes with a client certificate", False)):
        load = Ab(home / "client.both.pem", keep)
        subjects = [
            Subject("nginx", nginx, "/certificate/1", load, nginx_pids, "https"),
            Subject("Doorward", port, "/certificate/1", load, pids, "https"),
        ]
        for subject in subjects:
            load.answers(subject, home)
        groups.append((title, "nginx", subjects))
    return groups


class Ab:
    """ab of Apache, which can show a certificate: again and again on the same connections, or each time on another one."""

    def __init__(self, certificate, keep):
        self.certificate, self.keep = certificate, keep

    def answers(self, subject, home):
        """Whether it answers who shows a certificate, and nobody else."""
        url = f"https://127.0.0.1:{subject.port}{subject.path}"
        curl = ["curl", "-s", "-o", home / "answer", "-w", "%{http_code}", "--cacert", home / "ca.pem", url]
        without = subprocess.run(curl, capture_output=True, text=True, check=False).stdout
        if without not in ("400", "401"):
            sys.exit(f"{subject.name} answers {without} without a certificate")
        shown = subprocess.run([*curl, "--cert", self.certificate], capture_output=True, text=True, check=False).stdout
        if shown != "200" or (home / "answer").read_text() != BODY:
            sys.exit(f"{subject.name} answers {shown} to a good certificate")

    def run(self, url, cpu, seconds, connections):
        command = ["taskset", "-c", str(cpu), "ab", "-q", "-E", str(self.certificate), "-c", str(connections)]
        command += ["-t", str(seconds), "-n", "10000000", *(["-k"] if self.keep else []), url]
        out = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
        failed = re.search(r"Failed requests:\s+(\d+)", out.stdout)
        if out.returncode or "Non-2xx" in out.stdout or not failed or failed[1] != "0":
            sys.exit(f"{url} did not answer everything:\n{out.stdout}{out.stderr}")
        return Load(
            rate=float(re.search(r"Requests per second:\s+([\d.]+)", out.stdout)[1]),
            requests=int(re.search(r"Complete requests:\s+(\d+)", out.stdout)[1]),
            p99=int(re.search(r"\n\s+99%\s+(\d+)", out.stdout)[1]) / 1e3,
        )


def make_certificates(home):
    """An authority, a server and a client, all with P-256."""
    for name in ("ca", "server", "client"):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", home / f"{name}.key")
    openssl("req", "-x509", "-new", "-key", home / "ca.key", "-subj", "/CN=Benchmark CA", "-days", "30", "-out", home / "ca.pem")
    for name, common, extension in (
        ("server", "localhost", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
        ("client", "bench", "extendedKeyUsage=clientAuth"),
    ):
        request, extensions = home / f"{name}.csr", home / f"{name}.ext"
        extensions.write_text(extension + "\n")
        openssl("req", "-new", "-key", home / f"{name}.key", "-subj", f"/CN={common}", "-out", request)
        authority = ["-CA", home / "ca.pem", "-CAkey", home / "ca.key", "-CAcreateserial", "-days", "30"]
        openssl("x509", "-req", "-in", request, *authority, "-extfile", extensions, "-out", home / f"{name}.pem")
    (home / "client.both.pem").write_text((home / "client.pem").read_text() + (home / "client.key").read_text())


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


if __name__ == "__main__":
    main()
