"""A customer's way through a shop, in a real browser (headless Chromium).

usage: browser_shop.py BASE_URL LOGIN PASSWORD PAGE

PAGE is a page of the storefront, which is open to everyone and comes from the upstream. Each step prints one line; the
first that is not as it should be ends with exit code 1.
"""

import json
import sys

from browser import path_of
from driver import expect, launch
from playwright.sync_api import Page, sync_playwright

ME = "/rest/V1/customers/me"

# What jQuery does for $.ajax({url, contentType: 'application/json'}) on the same origin.
AJAX = """([method, url, body]) => new Promise(resolve => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.setRequestHeader('Accept', 'application/json, text/javascript, */*; q=0.01');
    request.setRequestHeader('Content-Type', 'application/json');
    request.setRequestHeader('X-Requested-With', 'XMLHttpRequest');
    request.onloadend = () => resolve([request.status, request.responseText]);
    request.send(body);
})"""


def cookies(page: Page) -> dict:
    return {cookie["name"]: cookie for cookie in page.context.cookies()}


def typed(page: Page, url: str) -> tuple:
    """What the address bar shows."""
    answer = page.goto(url)
    return answer.status, answer.text()


def walk(page: Page, base: str, login: str, password: str, shown: str) -> None:
    page.goto(f"{base}/customer/account/login?return={shown}")
    page.fill("input[name='login[username]']", login)
    page.fill("input[name='login[password]']", "not the password")
    page.click("button[type=submit]")
    expect("a wrong password stays on the page and says so", page.locator("[role=alert]").count() == 1, page.content())
    page.fill("input[name='login[username]']", login)
    page.fill("input[name='login[password]']", password)
    page.click("button[type=submit]")
    page.wait_for_url(base + shown)
    expect("after signing in, the customer is on the storefront", path_of(page) == shown, page.url)
    expect("no script can read the session", cookies(page)["PHPSESSID"]["httpOnly"], cookies(page))
    key = cookies(page)["form_key"]
    expect("scripts can read the form key", key["value"] in page.evaluate("document.cookie") and not key["httpOnly"], key)

    status, text = page.evaluate(AJAX, ["GET", ME, None])
    expect("the storefront's AJAX call gets the customer's details", status == 200 and json.loads(text)["email"] == login, (status, text))
    plain = page.evaluate("async url => { const a = await fetch(url); return [a.status, await a.text()]; }", ME)
    expect("without the header the same call is a guest's", plain[0] == 401, plain)
    status, text = typed(page, base + ME)
    expect("the address bar shows the guest's refusal", status == 401 and "The consumer isn't authorized" in text, (status, text))
    expect("which names what is missing and no customer", "self" in text and login not in text, text)

    page.goto(base + shown)
    status, text = page.evaluate(AJAX, ["GET", "/customer/ajax/logout", None])
    expect("the storefront signs out by script", (status, json.loads(text)) == (200, {"message": "Logout Successful"}), text)
    expect("and the session's cookie is gone", "PHPSESSID" not in cookies(page), cookies(page))
    expect("then the call is a guest's", page.evaluate(AJAX, ["GET", ME, None])[0] == 401)
    body = json.dumps({"username": login, "password": password})
    status, text = page.evaluate(AJAX, ["POST", "/customer/ajax/login", body])
    expect("the storefront signs in by script", (status, json.loads(text)["errors"]) == (200, False), text)
    expect("and its calls count again", page.evaluate(AJAX, ["GET", ME, None])[0] == 200)

    page.goto(base + "/customer/account/logout")
    expect("signing out on the page asks first", "PHPSESSID" in cookies(page) and page.locator("form button").count() == 1)
    page.click("form button")
    expect("and then signs out", "PHPSESSID" not in cookies(page), cookies(page))


def main() -> None:
    base, login, password, shown = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = launch(playwright)
        walk(browser.new_page(), base, login, password, shown)
        browser.close()


if __name__ == "__main__":
    main()
