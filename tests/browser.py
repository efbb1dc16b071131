"""A person's way through the pages, in a real browser (headless Chromium).

usage: browser.py BASE_URL LOGIN PASSWORD PROTECTED_PATH FORBIDDEN_PATH SHOTS_DIR

BASE_URL's firewall sends guests of pages to the sign-in page. PROTECTED_PATH answers JSON to LOGIN,
FORBIDDEN_PATH is refused to LOGIN. Each step prints one line; the first that is not as it should be ends with exit code 1.
"""

import json
import sys
from urllib.parse import urlparse

from playwright.sync_api import Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def expect(what: str, condition: bool, seen: object = "") -> None:
    print(("ok   " if condition else "FAIL ") + what + ("" if condition else f": {seen!r}"))
    if not condition:
        sys.exit(1)


def path_of(page: Page) -> str:
    return urlparse(page.url).path


def walk(page: Page, base: str, login: str, password: str, protected: str, forbidden: str, shots: str) -> None:
    page.goto(base + protected)
    expect("a guest's navigation is led to the sign-in page", path_of(page).startswith("/login"), page.url)
    page.screenshot(path=f"{shots}/sign-in.png")

    page.fill("input[name=_username]", login)
    page.fill("input[name=_password]", "not the password")
    page.click("button:has-text('Login')")
    expect("a wrong password stays on the page and says so", page.locator("[role=alert]").count() == 1, page.content())
    page.screenshot(path=f"{shots}/sign-in-failed.png")

    page.fill("input[name=_username]", login)
    page.fill("input[name=_password]", password)
    page.click("button:has-text('Login')")
    expect("after signing in, the browser is back where it wanted to go", path_of(page) == protected, page.url)

    session = page.evaluate(
        """async () => {
            const answer = await fetch('/api/ibexa/v2/user/sessions/current', {headers: {Accept: 'application/vnd.ibexa.api.Session+json'}});
            return [answer.status, await answer.text()];
        }"""
    )
    expect("the page's session serves REST calls", session[0] == 200, session)
    token = json.loads(session[1])["Session"]["csrfToken"]
    expect("no script can read the session cookie", page.evaluate("document.cookie") == "", page.evaluate("document.cookie"))

    def post(headers: dict) -> int:
        return page.evaluate(
            "async ([path, headers]) => (await fetch(path, {method: 'POST', headers})).status", [protected, headers]
        )

    expect("an unsafe call without the token is refused", post({}) == 401, post({}))
    expect("an unsafe call with the token passes", post({"X-CSRF-Token": token}) == 200, post({"X-CSRF-Token": token}))

    page.goto(base + forbidden)
    expect("a known identity that may not gets a page, not a loop", path_of(page) == forbidden, page.url)
    expect("and that page says so", page.locator("h1").count() == 1, page.content())
    page.screenshot(path=f"{shots}/forbidden.png")

    page.goto(base + "/logout")
    expect("signing out asks first", page.locator("form button").count() >= 1, page.content())
    page.screenshot(path=f"{shots}/sign-out.png")
    page.click("form button")
    page.goto(base + protected)
    expect("after signing out, the guest is led to the sign-in page", path_of(page).startswith("/login"), page.url)


def main() -> None:
    base, login, password, protected, forbidden, shots = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page()
        violations: list[str] = []
        page.on("console", lambda message: violations.append(message.text) if "Content Security Policy" in message.text else None)
        walk(page, base, login, password, protected, forbidden, shots)
        expect("no page breaks its own content security policy", not violations, violations)
        browser.close()


if __name__ == "__main__":
    main()
