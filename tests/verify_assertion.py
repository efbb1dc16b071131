"""An upstream's side of an assertion, with a JWT library that is not ours.

usage: verify_assertion.py JWKS_FILE AUDIENCE ISSUER < TOKEN

Prints the verified claims as JSON, or the reason on standard error with exit code 1.
"""

import json
import sys

import jwt


def main() -> int:
    jwks_file, audience, issuer = sys.argv[1:]
    token = sys.stdin.read().strip()
    with open(jwks_file, encoding="utf-8") as file:
        keys = jwt.PyJWKSet.from_json(file.read())
    try:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != "doorward-assertion+jwt":
            raise jwt.InvalidTokenError(f"typ is {header.get('typ')!r}")
        claims = jwt.decode(
            token,
            keys[header["kid"]].key,
            algorithms=["EdDSA"],
            audience=audience,
            issuer=issuer,
            options={"require": ["iss", "aud", "sub", "iat", "exp"]},
        )
    except (jwt.PyJWTError, KeyError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(claims))
    return 0


if __name__ == "__main__":
    sys.exit(main())
