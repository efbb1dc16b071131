"""Somebody else's side of a JSON Web Token, with a JWT library that is not ours.

usage: verify_jwt.py verify JWKS_FILE AUDIENCE ISSUER < TOKEN
       verify_jwt.py secret SECRET < TOKEN
       verify_jwt.py sign SECRET CLAIMS_JSON < /dev/null

`verify` takes the key that the token names from a set, `secret` verifies with HS256; both print the claims as JSON, or
the reason on standard error with exit code 1. `sign` prints a token as another application would issue it, as a JSON string.
"""

import json
import sys

import jwt

ALGORITHMS = ["EdDSA", "ES256", "RS256"]


def verified(token: str, arguments: list[str]) -> dict:
    if arguments[0] == "secret":
        return jwt.decode(token, arguments[1], algorithms=["HS256"], options={"require": ["iat", "exp"]})
    _, jwks_file, audience, issuer = arguments
    with open(jwks_file, encoding="utf-8") as file:
        keys = jwt.PyJWKSet.from_json(file.read())
    header = jwt.get_unverified_header(token)
    return jwt.decode(
        token,
        keys[header["kid"]].key,
        algorithms=ALGORITHMS,
        audience=audience,
        issuer=issuer,
        options={"require": ["iss", "aud", "sub", "iat", "exp"]},
    )


def main() -> int:
    arguments = sys.argv[1:]
    if arguments[0] == "sign":
        print(json.dumps(jwt.encode(json.loads(arguments[2]), arguments[1], algorithm="HS256")))
        return 0
    try:
        print(json.dumps(verified(sys.stdin.read().strip(), arguments)))
    except (jwt.PyJWTError, KeyError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
