"""How tests open a page in a real browser: as its reader does, and with a ruler beside it.

Where no browser is installed the tests skip and say so; Debian's is `apt-get install chromium`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium here: apt-get install chromium")

_RULER = """<script>
const boxes = tag => [...document.querySelectorAll(tag)].map(found => found.getBoundingClientRect());
const wide = [...document.querySelectorAll('body *')].filter(one => !one.closest('.table') &&
  !one.closest('caption') && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 90));
parent.postMessage(JSON.stringify({
  width: innerWidth, page: document.documentElement.scrollWidth, over: wide.slice(0, 5),
  charts: boxes('svg.chart').map(box => [box.width, box.height]),
  dark: matchMedia('(prefers-color-scheme: dark)').matches,
  ink: getComputedStyle(document.querySelector('h1')).color,
  paper: getComputedStyle(document.body).backgroundColor }), '*');
</script>"""
_FRAME = """<!DOCTYPE html><body style="margin: 0"><iframe style="border: 0; width: {width}px; height: 2000px"></iframe>
<script>
addEventListener('message', sent => document.body.dataset.measured = sent.data);
document.querySelector('iframe').src = '{name}';
</script>"""  # a frame of its own, since the browser's window is never narrower than 500 pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What the browser made of a page: its document as text, and what it said on its console."""

    html: str
    console: tuple[str, ...]

    @property
    def document(self) -> ET.Element:
        """The document of a page that was well-formed; the browser leaves out the end of what has no content."""
        return ET.fromstring(re.sub(r"(<meta [^>]*[^/])>", r"\1/>", self.html.replace("<!DOCTYPE html>", "")))


def opened(page: Path, *, arguments: tuple[str, ...] = ()) -> Opened:
    """Returns the page as the browser has it after it was rendered."""
    ran = _run(page, "--dump-dom", *arguments)
    return Opened(html=ran.stdout, console=tuple(line for line in ran.stderr.splitlines() if "CONSOLE" in line))


def measured(page: Path, *, width: int, arguments: tuple[str, ...] = ()) -> dict[str, Any]:
    """Returns what a ruler finds on a copy of the page that is so wide: widths and heights in pixels, its colours."""
    copy, frame = page.with_name("measured.html"), page.with_name("frame.html")
    allowed = page.read_text().replace("style-src", "script-src 'unsafe-inline'; style-src")
    copy.write_text(allowed.replace("</body>", f"{_RULER}</body>"))
    frame.write_text(_FRAME.format_map({"width": width, "name": copy.name}))
    html = opened(frame, arguments=("--window-size=1400,2000", "--virtual-time-budget=5000", *arguments)).html
    (text,) = re.findall(r'data-measured="([^"]*)"', html)
    found: dict[str, Any] = json.loads(unescape(text))
    return found


def shot(page: Path, *, width: int, height: int, arguments: tuple[str, ...] = ()) -> Path:
    """Returns a picture of the page (PNG) as it stands on a screen of that size."""
    picture = page.with_name(f"{page.stem}-{width}.png")
    _run(page, f"--window-size={width},{height}", f"--screenshot={picture}", *arguments)
    return picture


def _run(page: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert BROWSER
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr")
    profile = f"--user-data-dir={page.parent / 'browser'}"
    command = [BROWSER, *flags, profile, *arguments, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
