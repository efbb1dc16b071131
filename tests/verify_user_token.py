"""An old application's side of a token that Doorward signs for it, with a JWT library that is not ours.

usage: verify_user_token.py magento|ibexa KEY_FILE < TOKEN

Prints the verified claims as JSON, or the reason on standard error with exit code 1.
"""

import json
import sys

import jwt

PADDED = 2048
HEADERS = {"magento": {"kid": "1", "alg": "HS256"}, "ibexa": {"typ": "JWT", "alg": "HS256"}}
CLAIMS = {"magento": ["uid", "utypid", "iat", "exp"], "ibexa": ["username", "iat", "exp"]}


def magento_key(secret: bytes) -> bytes:
    missing = PADDED - len(secret)
    return b"&" * (missing // 2) + secret + b"&" * (missing - missing // 2)


def main() -> int:
    kind, key_file = sys.argv[1:]
    token = sys.stdin.read().strip()
    with open(key_file, "rb") as file:
        secret = file.read().strip()
    key = magento_key(secret) if kind == "magento" else secret
    try:
        header = jwt.get_unverified_header(token)
        if header != HEADERS[kind]:
            raise jwt.InvalidTokenError(f"header is {header!r}")
        claims = jwt.decode(token, key, algorithms=["HS256"], options={"require": CLAIMS[kind]})
    except jwt.PyJWTError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(claims))
    return 0


if __name__ == "__main__":
    sys.exit(main())
