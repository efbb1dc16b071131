"""A person's way through the pages, in a real browser (headless Chromium).

usage: browser.py BASE_URL LOGIN PASSWORD PROTECTED_PATH FORBIDDEN_PATH SHOTS_DIR

BASE_URL's firewall sends guests of pages to the sign-in page. PROTECTED_PATH answers JSON to LOGIN,
FORBIDDEN_PATH is refused to LOGIN. Each step prints one line; the first that is not as it should be ends with exit code 1.
"""

import json
import sys
from urllib.parse import urlparse

from driver import expect, launch
from playwright.sync_api import Page, sync_playwright
from playwright.sync_api import expect as soon

def path_of(page: Page) -> str:
    return urlparse(page.url).path


# What a reader needs of every page of ours: a title, a language, one heading, a label for each field, text that stands out
# from its ground (WCAG 2.2 AA, 1.4.3), nothing to scroll sideways for.
FAULTS = """() => {
    const faults = [];
    const numbers = colour => {
        const canvas = new OffscreenCanvas(1, 1).getContext('2d');
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = colour => {
        const [r, g, b] = colour.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = element => {
        for (; element; element = element.parentElement) {
            const colour = numbers(getComputedStyle(element).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return [255, 255, 255, 255];
    };
    if (!document.title) faults.push('no title');
    if (!document.documentElement.lang) faults.push('no language');
    if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
    if (document.querySelectorAll('main').length !== 1) faults.push('not one main');
    if (document.documentElement.scrollWidth > innerWidth) faults.push('wider than the screen');
    for (const field of document.querySelectorAll('input:not([type=hidden])'))
        if (!field.labels.length) faults.push('no label for ' + field.name);
    for (const element of document.querySelectorAll('main *, main')) {
        if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
        const pair = [luminance(numbers(getComputedStyle(element).color)), luminance(ground(element))].sort((a, b) => b - a);
        const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
        if (contrast < 4.5) faults.push(`contrast ${contrast.toFixed(2)} of ${element.tagName} ${element.textContent.trim()}`);
    }
    for (const element of document.querySelectorAll('button, input:not([type=hidden])'))
        if (element.getBoundingClientRect().height < 24) faults.push('too small to hit: ' + element.tagName);
    return faults;
}"""


def readable(page: Page, name: str, shots: str) -> None:
    """The page in both colour schemes, on a large and on a small screen."""
    for scheme in ("light", "dark"):
        for width, height in ((1280, 720), (320, 568)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": height})
            faults = page.evaluate(FAULTS)
            expect(f"{name} can be read: {scheme}, {width} wide", not faults, faults)
            page.screenshot(path=f"{shots}/{name}-{scheme}-{width}.png")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 720})


def by_keyboard(page: Page, base: str, login: str, password: str, protected: str) -> None:
    """Without a mouse, without scripts."""
    page.goto(base + protected)
    # The focus comes with the page, a moment after it.
    soon(page.locator("input[name=_username]")).to_be_focused()
    page.keyboard.type(login)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")
    page.wait_for_url(base + protected)
    expect("signing in works by keyboard alone and without scripts", path_of(page) == protected, page.url)


def walk(page: Page, base: str, login: str, password: str, protected: str, forbidden: str, shots: str) -> None:
    page.goto(base + protected)
    expect("a guest's navigation is led to the sign-in page", path_of(page).startswith("/login"), page.url)
    readable(page, "sign-in", shots)

    page.fill("input[name=_username]", login)
    page.fill("input[name=_password]", "not the password")
    page.click("button:has-text('Login')")
    expect("a wrong password stays on the page and says so", page.locator("[role=alert]").count() == 1, page.content())
    readable(page, "sign-in-failed", shots)

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
    readable(page, "forbidden", shots)

    page.goto(base + "/login")
    readable(page, "signed-in", shots)
    page.goto(base + "/logout")
    expect("signing out asks first", page.locator("form button").count() >= 1, page.content())
    readable(page, "sign-out", shots)
    page.click("form button")
    readable(page, "signed-out", shots)
    page.goto(base + protected)
    expect("after signing out, the guest is led to the sign-in page", path_of(page).startswith("/login"), page.url)


def main() -> None:
    base, login, password, protected, forbidden, shots = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page()
        violations: list[str] = []
        page.on("console", lambda message: violations.append(message.text) if "Content Security Policy" in message.text else None)
        walk(page, base, login, password, protected, forbidden, shots)
        by_keyboard(browser.new_context(java_script_enabled=False).new_page(), base, login, password, protected)
        expect("no page breaks its own content security policy", not violations, violations)
        browser.close()


if __name__ == "__main__":
    main()
