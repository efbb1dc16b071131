"""Python's own HTTP client with a client's certificate.

usage: certificate_client.py BASE_URL AUTHORITY CERTIFICATE KEY STRANGER STRANGERS_KEY

BASE_URL lets nobody in without a certificate, and takes that of CERTIFICATE, not that of STRANGER. All but the first are files
in PEM. Each step prints one line; the first that is not as it should be ends with exit code 1.
"""

import http.client
import ssl
import sys
import urllib.error
import urllib.request

from driver import expect


def status(url: str, authority: str, certificate: tuple[str, str] | None, version: ssl.TLSVersion) -> int:
    """Of the answer; 0 where the connection ends without one."""
    context = ssl.create_default_context(cafile=authority)
    context.maximum_version = version
    if certificate:
        context.load_cert_chain(*certificate)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    # TLS 1.3 tells of a refused certificate only when something is read.
    except (ssl.SSLError, ConnectionError, http.client.BadStatusLine):
        return 0
    except urllib.error.URLError as error:
        if isinstance(error.reason, (ssl.SSLError, ConnectionError)):
            return 0
        raise


def main() -> None:
    base, authority, certificate, key, stranger, strangers_key = sys.argv[1:]
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        code = status(base + "/known", authority, (certificate, key), version)
        expect(f"who has a certificate is known ({version.name})", code == 200, code)
        code = status(base + "/guest", authority, None, version)
        expect(f"who has none is a guest ({version.name})", code == 401, code)
        code = status(base + "/stranger", authority, (stranger, strangers_key), version)
        expect(f"the certificate of an unknown authority ends the handshake ({version.name})", code == 0, code)


main()
