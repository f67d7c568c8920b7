"""A page in headless Chromium, at the width of a phone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest


def laid_out(html: str, folder: Path) -> tuple[str, int, int]:
    """Return a page's title, its width in pixels and how many sections it has, once a browser has done all it may."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs Chromium, which is not here")
    page = folder / "page.html"
    page.write_text(html, encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    # A frame of a phone's width around the page; the harness, unlike the page, may run scripts.
    harness = folder / "harness.html"
    harness.write_text(
        f'<iframe id="f" width="360" height="800" src="{page.as_uri()}"></iframe><pre id="said"></pre><script>'
        "const f = document.getElementById('f'); f.onload = () => { const d = f.contentDocument;"
        "document.getElementById('said').textContent = JSON.stringify([d.title, d.documentElement.scrollWidth,"
        "d.querySelectorAll('section').length]); };</script>",
        encoding="utf-8",
    )
    options = ["--allow-file-access-from-files", "--virtual-time-budget=5000", "--dump-dom", harness.as_uri()]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=100)
    found = re.search(r'<pre id="said">(.*?)</pre>', done.stdout)
    assert found is not None, done.stderr[-500:]
    title, width, num_sections = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">"))
    return title, width, num_sections
