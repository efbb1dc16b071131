"""Python's own HTTP client with login and password (RFC 7617).

usage: basic_client.py BASE_URL LOGIN PASSWORD

BASE_URL asks for a pair everywhere. Each step prints one line; the first that is not as it should be ends with exit code 1.
"""

import base64
import sys
import urllib.error
import urllib.request

from driver import expect


def status(opener: urllib.request.OpenerDirector, request: urllib.request.Request) -> tuple[int, str]:
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("WWW-Authenticate", "")


def main() -> None:
    base, login, password = sys.argv[1:]
    direct = urllib.request.ProxyHandler({})
    plain = urllib.request.build_opener(direct)
    code, challenge = status(plain, urllib.request.Request(base + "/guest"))
    expect("a guest is refused", code == 401, code)
    expect("and asked for a pair", challenge == 'Basic realm="Partner \\"API\\"", charset="UTF-8"', challenge)

    manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    manager.add_password(None, base, login, password)
    asked = urllib.request.build_opener(direct, urllib.request.HTTPBasicAuthHandler(manager))
    code, _ = status(asked, urllib.request.Request(base + "/challenged"))
    expect("who is asked answers the challenge", code == 200, code)

    pair = base64.b64encode(f"{login}:{password}".encode()).decode()
    code, _ = status(plain, urllib.request.Request(base + "/unasked", headers={"Authorization": "Basic " + pair}))
    expect("who sends the pair unasked is known at once", code == 200, code)


main()
