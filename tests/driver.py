"""What scripts that drive a browser or a client share."""

import os
import sys
import typing

if typing.TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

CHROMIUM = "/usr/bin/chromium"
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
    """Prints a line; ends the script where it is not as it should be."""
    print(("ok   " if condition else "FAIL ") + what + ("" if condition else f": {seen!r}"))
    if not condition:
        sys.exit(1)


def launch(playwright: "Playwright") -> "Browser":
    """A browser that forgets everything."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


def launch_at(playwright: "Playwright", home: str, profile: str, hosts: str) -> "BrowserContext":
    """A browser that lives in the folder `home`, keeps a profile, and finds `hosts` on this machine."""
    return playwright.chromium.launch_persistent_context(
        profile,
        executable_path=CHROMIUM,
        env={**os.environ, "HOME": home, "XDG_DATA_HOME": home},
        args=[*FLAGS, f"--host-resolver-rules=MAP {hosts} 127.0.0.1"],
    )


def status(page: "Page", url: str) -> int:
    """Of the page behind the address."""
    answer = page.goto(url)
    return answer.status if answer else 0
