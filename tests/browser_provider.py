"""A person signs in at an OpenID provider, in a real browser (headless Chromium).

usage: browser_provider.py BASE_URL ISSUER NAME PROTECTED_PATH SHOTS_DIR

BASE_URL's firewall sends guests of pages to the sign-in page, which has a button for the provider at ISSUER. Whoever is called
NAME there may see PROTECTED_PATH. Each step prints one line; the first that is not as it should be ends with exit code 1.
"""

import sys
from urllib.parse import urlparse

from driver import expect, launch, status
from playwright.sync_api import Page, sync_playwright


def walk(page: Page, base: str, issuer: str, name: str, path: str, shots: str) -> None:
    page.goto(base + path)
    expect("a guest is led to the sign-in page", urlparse(page.url).path == "/login", page.url)
    page.screenshot(path=f"{shots}/provider-sign-in.png", full_page=True)
    page.click("text=Sign in with Example")
    page.wait_for_url(f"{issuer}/interaction/*")
    expect("the button leads to the provider", True)
    held = {cookie["name"]: cookie for cookie in page.context.cookies(base)}
    journey = held.get("doorward_journey", {})
    expect("scripts cannot read what the browser keeps", journey.get("httpOnly") is True, held)
    page.fill("input[name=name]", name)
    page.click("button[type=submit]")
    page.wait_for_url(base + path)
    expect("after signing in there, the person is where they wanted to go", page.url == base + path, page.url)
    held = {cookie["name"]: cookie for cookie in page.context.cookies(base)}
    expect("the journey is over", "doorward_journey" not in held and "doorward_admins" in held, sorted(held))
    expect("the session counts", status(page, base + path) == 200)
    page.request.post(f"{issuer}/sign-out?name={name}")
    page.goto(base + path)
    expect("who signed out at the provider is out here", urlparse(page.url).path == "/login", page.url)
    # A page of another site that leads to the way there.
    page.goto(issuer + "/.well-known/openid-configuration")
    page.evaluate("url => { location.href = url }", f"{base}/oauth2/connect/idp?return={path}")
    page.wait_for_url(lambda url: url.startswith(f"{base}/oauth2/connect/idp"))
    page.wait_for_load_state()
    expect("another site's link asks first", page.locator("button[type=submit]").count() == 1, page.url)
    page.screenshot(path=f"{shots}/provider-question.png", full_page=True)
    page.click("button[type=submit]")
    page.wait_for_url(base + path)
    expect("and goes on when the person says so", page.url == base + path, page.url)


def main() -> None:
    base, issuer, name, path, shots = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = launch(playwright)
        walk(browser.new_page(), base, issuer, name, path, shots)
        browser.close()


main()
