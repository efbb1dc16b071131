"""An application on another origin in a real browser (headless Chromium).

usage: browser_cors.py API_URL HOME SECOND_URL APP_URL EVIL_URL LOGIN PASSWORD

API_URL and SECOND_URL are two hosts behind the same server. APP_URL's pages may use both, EVIL_URL's may not; both have `/page`.
HOME/.pki/nssdb holds the authority of all. Each step prints one line; the first that is not as it should be ends with exit code 1.
"""

import json
import pathlib
import sys

from driver import expect, launch_at, status
from playwright.sync_api import Page, sync_playwright

# What a page gets of a request: the status and body, or that its browser told it nothing.
ASK = """async ([method, url, headers, body]) => {
    try {
        const answer = await fetch(url, { method, headers, body: body || undefined, credentials: 'include' });
        return { status: answer.status, body: await answer.text(), location: answer.headers.get('location') };
    } catch (error) {
        return { status: 0, body: String(error), location: null };
    }
}"""
PREFIX = "/api/ibexa/v2"
READS = {"Accept": "application/json"}


def ask(page: Page, method: str, url: str, headers: dict = READS, body: str = "") -> dict:
    return page.evaluate(ASK, [method, url, headers, body])


def sign_in(page: Page, base: str, login: str, password: str) -> dict:
    kind = {**READS, "Content-Type": "application/vnd.ibexa.api.SessionInput+json"}
    body = f'{{"SessionInput":{{"login":"{login}","password":"{password}"}}}}'
    return ask(page, "POST", f"{base}{PREFIX}/user/sessions", kind, body)


def token(page: Page, base: str) -> str:
    """The CSRF token of the session, read from the API."""
    return page.evaluate(
        "async url => (await (await fetch(url, { credentials: 'include', headers: { Accept: 'application/json' } })).json()).Session.csrfToken",
        f"{base}{PREFIX}/user/sessions/current",
    )


def profile(home: str) -> str:
    """One whose owner lets sites of other parties keep cookies, which some builds do not by themselves."""
    folder = pathlib.Path(home) / "profile"
    (folder / "Default").mkdir(parents=True)
    settings = {"profile": {"cookie_controls_mode": 0, "block_third_party_cookies": False}}
    (folder / "Default" / "Preferences").write_text(json.dumps(settings))
    return str(folder)


def main() -> None:
    api, home, second, app, evil, login, password = sys.argv[1:]
    with sync_playwright() as playwright:
        context = launch_at(playwright, home, profile(home), "*.test")
        page = context.new_page()
        expect("the application is there", status(page, f"{app}/page") == 200)
        content = f"{api}{PREFIX}/content/1"
        expect("before signing in the API refuses, and the page reads why", ask(page, "GET", content)["status"] == 401)
        begun = sign_in(page, api, login, password)
        expect("the application signs in", begun["status"] == 201, begun)
        expect("it reads where the session is", str(begun["location"]).startswith(f"{PREFIX}/user/sessions/"), begun)
        cookie = [cookie for cookie in context.cookies(api) if cookie["name"].startswith("__Host-doorward_admins")]
        expect("the cookie is for that host alone", len(cookie) == 1 and cookie[0]["sameSite"] == "None", cookie)
        expect("its browser sends the cookie", ask(page, "GET", content)["status"] == 200)
        without = ask(page, "DELETE", content)
        expect("an unsafe method without the token is refused", without["status"] == 401, without)
        csrf = token(page, api)
        deleted = ask(page, "DELETE", content, {**READS, "X-CSRF-Token": csrf})
        expect("with the token it works", deleted["status"] == 200 and "admin/1" in deleted["body"], deleted)
        # A session belongs to its host: at another one people sign in there.
        expect("at a second host nobody is signed in", ask(page, "GET", f"{second}{PREFIX}/content/1")["status"] == 401)
        expect("the application signs in there, too", sign_in(page, second, login, password)["status"] == 201)
        expect("and is known there", ask(page, "GET", f"{second}{PREFIX}/content/1")["status"] == 200)

        expect("a third origin is there", status(page, f"{evil}/page") == 200)
        expect("its page reads nothing", ask(page, "GET", content)["status"] == 0)
        stolen = ask(page, "DELETE", content, {**READS, "X-CSRF-Token": csrf})
        expect("and writes nothing, even with the token", stolen["status"] == 0, stolen)
        expect("nor does it sign anybody in", sign_in(page, api, login, password)["status"] == 0)
        form = page.evaluate(
            "url => fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include', body: 'x' }).then(() => 'sent')",
            f"{api}{PREFIX}/content/1",
        )
        expect("what it may send without asking changes nothing", form == "sent", form)
        context.close()


main()
