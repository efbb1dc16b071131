"""A browser's own dialog for login and password (RFC 7617), in headless Chromium.

usage: browser_basic.py BASE_URL LOGIN PASSWORD OTHER_URL

BASE_URL asks for a pair everywhere, OTHER_URL is a page of another origin. Each step prints one line; the first that is not as
it should be ends with exit code 1.
"""

import sys
from urllib.parse import quote

from driver import expect, launch, status
from playwright.sync_api import sync_playwright

def main() -> None:
    base, login, password, other = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = launch(playwright)

        wrong = browser.new_context(http_credentials={"username": login, "password": "not the password"}).new_page()
        answer = status(wrong, base + "/wrong")
        expect("who types a wrong password is refused", answer == 401, answer)

        # The driver answers the dialog.
        context = browser.new_context(http_credentials={"username": login, "password": password})
        page = context.new_page()
        answer = status(page, base + "/dialog")
        expect("who answers the dialog is in", answer == 200, answer)
        answer = status(page, base + "/again")
        expect("and is not asked again", answer == 200, answer)
        expect("no cookie is set", context.cookies() == [], context.cookies())
        answer = page.evaluate("async () => (await fetch('/ours', {method: 'POST'})).status")
        expect("a page of the same site may change something", answer == 200, answer)

        scheme, host = base.split("://")
        address = f"{scheme}://{quote(login, safe='')}:{quote(password, safe='')}@{host}/address"
        answer = status(browser.new_context().new_page(), address)
        expect("login and password in the address work", answer == 200, answer)

        stranger = context.new_page()
        stranger.goto(other)
        sent = stranger.evaluate(
            """async base => {
                const answer = await fetch(base + '/stolen', {method: 'POST', mode: 'no-cors', credentials: 'include'});
                return answer.type;
            }""",
            base,
        )
        expect("a page of another site sends, and learns nothing", sent == "opaque", sent)
        browser.close()


main()
