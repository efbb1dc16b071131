"""Somebody forgot the password, in a real browser (headless Chromium) without scripts.

usage: browser_password.py BASE_URL LOGIN NEW_PASSWORD MAIL_FOLDER SHOTS_DIR

LOGIN is a customer with an e-mail address, to which mail goes as files in MAIL_FOLDER. Each step prints one line; the first that is not as
it should be ends with exit code 1.
"""

import email
import email.policy
import pathlib
import re
import sys
import time

from browser import path_of, readable
from driver import expect, launch
from playwright.sync_api import Page, sync_playwright


def link_of(folder: str, base: str) -> str:
    """The link in the mail, as a person's mail program shows it."""
    for _ in range(300):
        for path in pathlib.Path(folder).glob("*-reset-*.eml"):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            parts = [message.get_body((kind,)).get_content() for kind in ("plain", "html")]
            expect("the mail has a subject and both parts", bool(message["Subject"]) and all(parts), message)
            return re.search(re.escape(base) + r"/password/\S+", parts[0]).group()
        time.sleep(0.1)
    expect("a mail arrives", False)
    return ""


def walk(page: Page, shown: Page, base: str, login: str, new: str, folder: str, shots: str) -> None:
    page.goto(base + "/login/customers")
    page.click("a:has-text('Forgot your password?')")
    expect("the sign-in page leads to the page for forgotten passwords", path_of(page) == "/password/customers", page.url)
    shown.goto(page.url)
    readable(shown, "password-forgotten", shots)
    page.fill("input[name=_username]", login)
    page.click("button:has-text('Send the link')")
    expect("the page says to look at the mail", "Look at your mail" in page.inner_text("h1"), page.content())

    link = link_of(folder, base)
    page.goto(link)
    shown.goto(link)
    readable(shown, "password-new", shots)
    expect("password managers are told whose password it is", page.input_value("input[autocomplete=username]") == login, page.content())
    page.fill("input[name=_password]", new)
    page.fill("input[name=_password_again]", "something else")
    page.click("button:has-text('Set the password')")
    expect("two that differ stay on the page and are announced", page.locator("[role=alert]").count() == 1, page.content())
    expect("and what was typed is not repeated", new not in page.content())
    page.fill("input[name=_password]", new)
    page.fill("input[name=_password_again]", new)
    page.click("button:has-text('Set the password')")
    expect("the new password is set", "Your password is set" in page.inner_text("h1"), page.content())

    page.goto(link)
    expect("the link works once", "does not work" in page.inner_text("h1"), page.content())
    shown.goto(link)
    readable(shown, "password-link-used", shots)

    page.goto(base + "/password/customers/change")
    expect("changing a password asks who one is", path_of(page) == "/login/customers", page.url)
    page.fill("input[name=_username]", login)
    page.fill("input[name=_password]", new)
    page.click("button:has-text('Login')")
    expect("and then leads back", path_of(page) == "/password/customers/change", page.url)
    page.fill("input[name=_current_password]", new)
    page.fill("input[name=_password]", new + " again")
    page.fill("input[name=_password_again]", new + " again")
    page.click("button:has-text('Set the password')")
    expect("the password is changed", "Your password is changed" in page.inner_text("h1"), page.content())
    page.goto(base + "/login/customers")
    expect("and the browser is still signed in", "You are signed in" in page.inner_text("h1"), page.content())


def main() -> None:
    base, login, new, folder, shots = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = launch(playwright)
        without_scripts = browser.new_context(java_script_enabled=False).new_page()
        # What can be read is measured by a script, on the same pages.
        shown = browser.new_page()
        violations: list[str] = []
        shown.on("console", lambda message: violations.append(message.text) if "Content Security Policy" in message.text else None)
        walk(without_scripts, shown, base, login, new, folder, shots)
        expect("no page breaks its own content security policy", not violations, violations)
        browser.close()


if __name__ == "__main__":
    main()
