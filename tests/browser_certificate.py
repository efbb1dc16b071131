"""A client's certificate in a real browser (headless Chromium).

usage: browser_certificate.py BASE_URL HOME SHOP_URL OTHER_URL

HOME/.pki/nssdb holds a certificate that BASE_URL takes, and the authority of both servers. SHOP_URL is another host of the same
server, where no certificate is asked for; OTHER_URL is a page of another site. Each step prints one line; the first that is not as
it should be ends with exit code 1.
"""

import json
import pathlib
import sys

from driver import expect, launch_at, status
from playwright.sync_api import sync_playwright


def profile(home: str, base: str) -> str:
    """One whose owner lets the browser choose the certificate without a dialog, as an administrator's policy would."""
    folder = pathlib.Path(home) / "profile"
    choice = {f"{base},*": {"setting": {"filters": [{}]}}}
    settings = {"profile": {"content_settings": {"exceptions": {"auto_select_certificate": choice}}}}
    (folder / "Default").mkdir(parents=True)
    (folder / "Default" / "Preferences").write_text(json.dumps(settings))
    return str(folder)


def main() -> None:
    base, home, shop, other = sys.argv[1:]
    with sync_playwright() as playwright:
        context = launch_at(playwright, home, profile(home, base), "*.test")
        page = context.new_page()
        answer = status(page, shop + "/shop")
        expect("where no certificate counts the browser asks its owner for none", answer == 200, answer)
        answer = status(page, base + "/page")
        expect("who has a certificate is in, without a word", answer == 200, answer)
        expect("no cookie is set", context.cookies() == [], context.cookies())
        answer = page.evaluate("async () => (await fetch('/ours', {method: 'POST'})).status")
        expect("a page of the same site may change something", answer == 200, answer)

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
        context.close()


main()
