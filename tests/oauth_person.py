"""A person's way through an application that speaks OAuth 2 and OpenID Connect by libraries of other authors.

usage: oauth_person.py BASE_URL SECRET LOGIN PASSWORD

The confidential client `shop` with SECRET may use codes and refresh tokens. Each step prints one line; the first that is not as
it should be ends with exit code 1.
"""

import html
import os
import re
import sys
from urllib.parse import parse_qs, urljoin, urlparse

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback

import jwt
import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session as Authlib
from authlib.oauth2.rfc6749.parameters import parse_authorization_code_response
from driver import expect
from oauthlib.oauth2 import InvalidGrantError
from requests_oauthlib import OAuth2Session as RequestsOAuthlib

REDIRECT = "https://app.example.com/callback"


class Person:
    """A browser without scripts: it fills in forms and follows redirects as far as they stay here."""

    def __init__(self, base, login, password):
        self.base, self.login, self.password = base, login, password
        self.browser = requests.Session()

    def visit(self, url):
        """Where the browser ends up outside, after signing in and saying yes wherever that is asked."""
        answer = self.browser.get(url, allow_redirects=False)
        for _ in range(10):
            if answer.is_redirect:
                to = urljoin(answer.url, answer.headers["location"])
                if not to.startswith(self.base):
                    return to
                answer = self.browser.get(to, allow_redirects=False)
                continue
            fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', answer.text))
            fields = {name: html.unescape(value) for name, value in fields.items()}
            if "_password" in answer.text:
                fields |= {"_username": self.login, "_password": self.password}
            elif "decision" in answer.text:
                fields["decision"] = "allow"
            else:
                break
            action = html.unescape(re.search(r'action="([^"]+)"', answer.text)[1])
            answer = self.browser.post(urljoin(answer.url, action), data=fields, allow_redirects=False)
        expect("a way out", False, f"{answer.status_code} {answer.text}")


def verified(base, id_token, nonce):
    keys = jwt.PyJWKClient(f"{base}/authorize/jwks")
    key = keys.get_signing_key_from_jwt(id_token)
    return jwt.decode(
        id_token, key, algorithms=["EdDSA", "RS256"], audience="shop", issuer=base,
        options={"require": ["exp", "iat", "sub", "auth_time", "nonce"] if nonce else ["exp", "iat", "sub"]},
    )


def by_authlib(base, secret, person):
    client = Authlib(
        "shop", secret, scope="openid profile orders offline_access", redirect_uri=REDIRECT, code_challenge_method="S256",
        token_endpoint_auth_method="client_secret_basic",
    )
    verifier, nonce = generate_token(64), generate_token(20)
    url, state = client.create_authorization_url(f"{base}/authorize", code_verifier=verifier, nonce=nonce)
    answer = person.visit(url)
    expect("Authlib: the browser comes back with a code", answer.startswith(f"{REDIRECT}?code="), answer)
    said = parse_authorization_code_response(answer, state=state)
    expect("Authlib: state is as it was", said["state"] == state)
    expect("Authlib: the issuer is named (RFC 9207)", parse_qs(urlparse(answer).query)["iss"] == [base], answer)
    token = client.fetch_token(f"{base}/token", authorization_response=answer, code_verifier=verifier)
    expect("Authlib: there are tokens", token["token_type"] == "Bearer" and "refresh_token" in token, token.keys())
    claims = verified(base, token["id_token"], nonce)
    expect("Authlib: the ID token is of this sign-in", claims["nonce"] == nonce and claims["aud"] == "shop", claims)
    who = client.get(f"{base}/userinfo").json()
    expect("Authlib: userinfo says the same", who["sub"] == claims["sub"] and who["preferred_username"] == person.login, who)
    old = token["refresh_token"]
    token = client.refresh_token(f"{base}/token", refresh_token=old)
    expect("Authlib: the refresh token is replaced", token["refresh_token"] != old)
    try:
        client.refresh_token(f"{base}/token", refresh_token=old)
        expect("Authlib: an old refresh token is refused", False)
    except OAuthError as error:
        expect("Authlib: an old refresh token is refused", error.error == "invalid_grant", error)
    ended = client.get(f"{base}/userinfo")
    expect("Authlib: and the access token has ended with its family", ended.status_code == 401, ended.text)


def by_requests_oauthlib(base, secret, person):
    client = RequestsOAuthlib("shop", redirect_uri=REDIRECT, scope=["openid", "orders"], pkce="S256")
    url, _ = client.authorization_url(f"{base}/authorize")
    answer = person.visit(url)
    expect("requests-oauthlib: the browser comes back with a code", answer.startswith(f"{REDIRECT}?code="), answer)
    token = client.fetch_token(f"{base}/token", authorization_response=answer, auth=requests.auth.HTTPBasicAuth("shop", secret))
    expect("requests-oauthlib: there are tokens", token["scope"] == ["openid", "orders"], token)
    expect("requests-oauthlib: they are good", client.get(f"{base}/userinfo").status_code == 200)
    verified(base, token["id_token"], None)
    new = client.refresh_token(f"{base}/token", auth=requests.auth.HTTPBasicAuth("shop", secret))
    expect("requests-oauthlib: the refresh token is replaced", new["refresh_token"] != token["refresh_token"])
    try:
        client.fetch_token(f"{base}/token", authorization_response=answer, auth=requests.auth.HTTPBasicAuth("shop", secret))
        expect("requests-oauthlib: a code is good once", False)
    except InvalidGrantError:
        expect("requests-oauthlib: a code is good once", True)


def main():
    base, secret, login, password = sys.argv[1:]
    by_authlib(base, secret, Person(base, login, password))
    by_requests_oauthlib(base, secret, Person(base, login, password))


main()
