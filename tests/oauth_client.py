"""Clients of an authorization server, by libraries that are not ours: Authlib and requests-oauthlib.

usage: oauth_client.py keys FOLDER
       oauth_client.py tokens ISSUER BASIC_SECRET POST_SECRET FOLDER

`keys` writes `private.pem` and `jwks.json`. `tokens` finds the endpoints through discovery, gets a token for each of the clients
`basic`, `post` and `signed`, asks what it says, ends it, and asks again. It prints what it learned as JSON.
"""

import json
import os
import sys
from pathlib import Path

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

import jwt
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from oauthlib.oauth2 import BackendApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session as OtherSession


def keys(folder: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "private.pem").write_bytes(pem)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    (folder / "jwks.json").write_text(json.dumps({"keys": [public | {"use": "sig", "alg": "RS256", "kid": "one"}]}))


def discover(issuer: str) -> dict:
    documents = [
        requests.get(f"{issuer}/.well-known/{name}", timeout=30).json()
        for name in ("oauth-authorization-server", "openid-configuration")
    ]
    assert documents[0] == documents[1]
    metadata = AuthorizationServerMetadata(documents[0])
    # The library takes nothing but https for an issuer; everything else it looks at as it stands.
    secure = {
        name: value.replace("http://", "https://", 1) if isinstance(value, str) else value
        for name, value in metadata.items()
    }
    AuthorizationServerMetadata(secure).validate()
    assert metadata["issuer"] == issuer
    return metadata


def walk(metadata: dict, session: OAuth2Session) -> dict:
    token = session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials", scope="orders")
    keys = jwt.PyJWKClient(metadata["jwks_uri"])
    claims = jwt.decode(
        token["access_token"],
        keys.get_signing_key_from_jwt(token["access_token"]).key,
        algorithms=["EdDSA"],
        audience=metadata["issuer"],
        issuer=metadata["issuer"],
    )
    ask = lambda: session.introspect_token(metadata["introspection_endpoint"], token["access_token"]).json()
    before = ask()
    ended = session.revoke_token(metadata["revocation_endpoint"], token["access_token"]).status_code
    return {"claims": claims, "before": before, "revoked": ended, "after": ask()}


def tokens(issuer: str, basic: str, post: str, folder: Path) -> dict:
    metadata = discover(issuer)
    signed = OAuth2Session(
        "signed",
        (folder / "private.pem").read_text(),
        token_endpoint_auth_method=PrivateKeyJWT(metadata["token_endpoint"]),
        revocation_endpoint_auth_method=PrivateKeyJWT(metadata["token_endpoint"]),
    )
    by_body = ("token_endpoint_auth_method", "revocation_endpoint_auth_method")
    other = OtherSession(client=BackendApplicationClient(client_id="basic", scope=["orders"]))
    others = other.fetch_token(metadata["token_endpoint"], auth=HTTPBasicAuth("basic", basic))
    return {
        "basic": walk(metadata, OAuth2Session("basic", basic)),
        "post": walk(metadata, OAuth2Session("post", post, **dict.fromkeys(by_body, "client_secret_post"))),
        "signed": walk(metadata, signed),
        "other": {"scope": others["scope"], "token_type": others["token_type"]},
    }


def main() -> int:
    if sys.argv[1] == "keys":
        keys(Path(sys.argv[2]))
        print("{}")
    else:
        issuer, basic, post, folder = sys.argv[2:]
        print(json.dumps(tokens(issuer, basic, post, Path(folder))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
