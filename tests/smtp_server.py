"""A real mail server for tests, on loopback.

usage: smtp_server.py [--tls starttls|implicit] [--user USER --password PASSWORD] [--refuse CODE TIMES]

The first line on standard output is {"port": ..., "certificates": PEM of the authority that signed the server's}; then there is one line
for each mail that it took. --refuse answers CODE to the first TIMES mails. It ends when standard input does.
"""

import argparse
import asyncio
import datetime
import ipaddress
import json
import ssl
import sys
import tempfile

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def say(what: dict) -> None:
    print(json.dumps(what), flush=True)


def certificate(common_name, key, issuer, issuer_key, authority):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer or name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def tls() -> tuple[ssl.SSLContext, str]:
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = certificate("test authority", authority_key, None, authority_key, True)
    own = certificate("localhost", key, authority.subject, authority_key, False)
    pem = serialization.Encoding.PEM
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        file.write(own.public_bytes(pem))
        file.flush()
        context.load_cert_chain(file.name)
    return context, authority.public_bytes(pem).decode()


class Handler:
    def __init__(self, refuse: int, times: int) -> None:
        self.refuse, self.times = refuse, times

    async def handle_DATA(self, server, session, envelope) -> str:
        if self.times:
            self.times -= 1
            return f"{self.refuse} not now, {envelope.rcpt_tos[0]}"
        say(
            {
                "tls": session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None,
                "user": session.auth_data.decode() if session.authenticated else None,
                "hello": session.host_name,
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "data": envelope.original_content.decode(),
            }
        )
        return "250 OK"


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", choices=["starttls", "implicit"])
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--refuse", nargs=2, type=int, default=[450, 0])
    arguments = parser.parse_args()
    context, pem = tls() if arguments.tls else (None, "")

    def authenticate(server, session, envelope, mechanism, data) -> AuthResult:
        right = (data.login, data.password) == (arguments.user.encode(), arguments.password.encode())
        return AuthResult(success=right, handled=False, auth_data=data.login)

    handler = Handler(*arguments.refuse)
    starttls = arguments.tls == "starttls"

    def connection() -> SMTP:
        return SMTP(
            handler,
            tls_context=context if starttls else None,
            require_starttls=starttls,
            authenticator=authenticate if arguments.user else None,
            auth_required=bool(arguments.user),
            auth_require_tls=starttls,
        )

    loop = asyncio.get_running_loop()
    implicit = context if arguments.tls == "implicit" else None
    server = await loop.create_server(connection, "127.0.0.1", 0, ssl=implicit)
    say({"port": server.sockets[0].getsockname()[1], "certificates": pem})
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
