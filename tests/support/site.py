"""The built site, and a browser that looks at it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

ROOT = Path(__file__).parents[2]
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu")
STAYS = "--remote-debugging-port=0"
MOUSE = "--blink-settings=primaryHoverType=2,availableHoverTypes=2"
"""As at a desk: where nothing can hover, the theme takes wide programs out of the tab order."""
HAS_MKDOCS = importlib.util.find_spec("mkdocs") is not None
WAIT = 300
"""Seconds for all pages at most."""
PROBE = """<!doctype html>
<iframe id="page" style="width:1280px;height:900px;border:0"></iframe>
<script>
const frame = document.getElementById("page");
const loaded = (element, way) => new Promise(done => {{ element.onload = done; way(); }});
async function look(page) {{
  await loaded(frame, () => frame.src = page);
  const inside = frame.contentDocument;
  inside.body.dataset.mdColorScheme = "{scheme}";
  const script = inside.createElement("script");
  await loaded(script, () => {{ script.src = "/axe.min.js"; inside.head.append(script); }});
  await new Promise(done => setTimeout(done, 500));  // colours change slowly
  const options = {{resultTypes: ["violations"]}};
  const found = await frame.contentWindow.axe.run(inside, options);
  return found.violations.map(each => {{
    const first = each.nodes[0];
    return [page, each.impact, each.id, first.html, first.failureSummary];
  }});
}}
addEventListener("load", async () => {{
  const told = [];
  for (const page of {pages}) told.push(...await look(page));
  fetch("/found", {{method: "POST", body: JSON.stringify(told)}});
}});
</script>"""


def axe_file() -> Path | None:
    """``PPATTACK_AXE``, or the file inside a package that carries it and is never imported."""
    if named := os.environ.get("PPATTACK_AXE"):
        return Path(named)
    found = importlib.util.find_spec("axe_playwright_python")
    return Path(str(found.origin)).parent / "axe.min.js" if found and found.origin else None


def build(folder: Path) -> str:
    """Build the site; what was said on the way. Raises if that fails or a warning was given."""
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def shown(address: str, profile: Path) -> str:
    """The page as it stands after its scripts have run, as HTML."""
    command = [str(BROWSER), *OPTIONS, f"--user-data-dir={profile}"]
    command += ["--virtual-time-budget=20000", "--dump-dom", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=True)
    return done.stdout


class _Served(SimpleHTTPRequestHandler):
    """The files of a folder; what axe found comes back as a POST."""

    def __init__(self, *args: Any, found: Queue[str], **kwargs: Any) -> None:
        self.found = found
        super().__init__(*args, **kwargs)

    def do_POST(self) -> None:
        """Keep what was found."""
        self.found.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_error(204)

    def log_message(self, *args: object) -> None:
        """Nothing."""


def violations(site: Path, pages: list[str], scheme: str, profile: Path) -> list[list[str]]:
    """What axe objects to on pages of a site: page, impact, rule, first element, why."""
    axe = axe_file()
    assert axe is not None
    shutil.copy(axe, site / "axe.min.js")
    (site / "probe.html").write_text(
        PROBE.format(pages=json.dumps(pages), scheme=scheme), encoding="utf-8"
    )
    found: Queue[str] = Queue()
    handler = partial(_Served, found=found, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/probe.html"
        command = [str(BROWSER), *OPTIONS, STAYS, MOUSE, f"--user-data-dir={profile}", address]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            told: list[list[str]] = json.loads(found.get(timeout=WAIT))
            return told
        finally:
            browser.terminate()
            browser.wait(timeout=30)
            server.shutdown()
