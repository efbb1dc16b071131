"""A person's way through the pages of the authorization server, in a real browser (headless Chromium).

usage: browser_oauth.py BASE_URL LOGIN PASSWORD SHOTS_DIR

The confidential client `shop` has the redirect URI REDIRECT, the public client `tv` may use device codes. Each step prints one
line; the first that is not as it should be ends with exit code 1.
"""

import json
import sys
from urllib.parse import parse_qs, urlencode, urlparse
from urllib.request import urlopen

from browser import readable
from driver import expect, launch
from playwright.sync_api import BrowserContext, Page, sync_playwright

REDIRECT = "https://app.example.com/callback"


def request(base: str, **more: str) -> str:
    usual = {
        "response_type": "code",
        "client_id": "shop",
        "redirect_uri": REDIRECT,
        "state": "s-1",
        "scope": "openid orders",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    return f"{base}/authorize?{urlencode(usual | more)}"


def sign_in(page: Page, login: str, password: str) -> None:
    page.fill("input[name=_username]", login)
    page.fill("input[name=_password]", password)
    page.click("button:has-text('Login')", no_wait_after=True)


def answered(page: Page, act) -> dict:
    """What the application is told: nobody is at home there, but the browser asks."""
    with page.expect_request(lambda request: request.url.startswith(REDIRECT)) as asked:
        act()
    return parse_qs(urlparse(asked.value.url).query)


def consent(context: BrowserContext, base: str, login: str, password: str, shots: str) -> None:
    page = context.new_page()
    page.goto(request(base))
    expect("a guest is led to the sign-in page", urlparse(page.url).path == "/login", page.url)
    sign_in(page, login, password)
    page.wait_for_selector("button:has-text('Do not allow')")
    text = page.inner_text("main")
    seen = all(word in text for word in ("The Shop", login, "See your orders", "Know who you are", "https://app.example.com"))
    expect("the page says who wants what, for whom, and where it goes", seen, text)
    readable(page, "consent", shots)
    said = answered(page, lambda: page.click("button:text-is('Do not allow')", no_wait_after=True))
    expect("a no is told", said["error"] == ["access_denied"] and said["state"] == ["s-1"], said)
    page = context.new_page()
    page.goto(request(base))
    said = answered(page, lambda: page.click("button:text-is('Allow')", no_wait_after=True))
    expect("a yes brings a code, with state and issuer", "code" in said and said["iss"] == [base], said)


def remembered(page: Page, base: str, login: str, password: str) -> None:
    page.goto(request(base))
    said = answered(page, lambda: sign_in(page, login, password))
    expect("who allowed it before signs in and is led on", "code" in said, said)


def taken_back(page: Page, base: str, shots: str) -> None:
    page.goto(base + "/account/applications")
    expect("the application is listed", "The Shop" in page.inner_text("main"), page.content())
    readable(page, "applications", shots)
    page.click("button:has-text('Take back')")
    page.wait_for_selector("text=No application has access")
    page.goto(request(base))
    expect("after taking it back the person is asked again", page.locator("button:text-is('Allow')").count() == 1, page.content())


def device(page: Page, base: str, shots: str) -> None:
    with urlopen(base + "/device_authorization", data=b"client_id=tv&scope=orders", timeout=30) as answer:
        begun = json.load(answer)
    page.goto(begun["verification_uri_complete"])
    expect("the link brings the code along", page.input_value("input[name=user_code]") == begun["user_code"], page.content())
    readable(page, "device", shots)
    page.click("button:has-text('Continue')")
    page.wait_for_selector("button:text-is('Allow')")
    expect("the page says which device it is", "The Telly" in page.inner_text("main"), page.content())
    page.click("button:text-is('Allow')")
    page.wait_for_selector("text=Your device is connected")
    expect("the device is connected", True)


def main() -> None:
    base, login, password, shots = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = launch(playwright)
        violations: list[str] = []

        def fresh() -> BrowserContext:
            context = browser.new_context()
            context.on("console", lambda it: violations.append(it.text) if "Content Security Policy" in it.text else None)
            return context

        context = fresh()
        consent(context, base, login, password, shots)
        remembered(fresh().new_page(), base, login, password)
        taken_back(context.new_page(), base, shots)
        device(context.new_page(), base, shots)
        expect("no page breaks its own content security policy", not violations, violations)
        browser.close()


main()
