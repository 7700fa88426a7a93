"""The page in a real browser, where there is one."""

from __future__ import annotations

import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from urllib.parse import unquote

import pytest

from ppattack.render.html import report_html
from ppattack.reports.found import read_runs
from tests.support.saved import report, save

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PROBE = """<!doctype html>
<iframe id="page" src="report.html" style="width:{width}px;height:900px;border:0"></iframe>
<script>
addEventListener("load", async () => {{
  const page = document.getElementById("page").contentDocument;
  const root = page.documentElement;
  const shown = await Promise.all([...page.images].map(image => {{
    image.loading = "eager";
    return image.decode().then(() => true, () => false);
  }}));
  fetch("/found/" + [root.scrollWidth - root.clientWidth, shown.filter(Boolean).length,
    getComputedStyle(page.body).backgroundColor].join("|"));
}});
</script>"""


class _Served(SimpleHTTPRequestHandler):
    """The files of a folder; what the page found comes back as a request for ``/found/...``."""

    def __init__(self, *args: object, found: Queue[str], **kwargs: object) -> None:
        self.found = found
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        if self.path.startswith("/found/"):
            self.found.put(unquote(self.path.removeprefix("/found/")))
            self.send_error(204)
        else:
            super().do_GET()

    def log_message(self, *args: object) -> None:
        """Nothing."""


def _look(folder: Path, width: int, scheme: int) -> list[str]:
    """Overflow, images shown and background at a width in pixels, light (1) or dark (0)."""
    (folder / "probe.html").write_text(PROBE.format(width=width))
    found: Queue[str] = Queue()
    handler = partial(_Served, found=found, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [
            str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu",
            "--remote-debugging-port=0", f"--blink-settings=preferredColorScheme={scheme}",
            f"--user-data-dir={folder / 'profile'}",
            f"http://127.0.0.1:{server.server_address[1]}/probe.html",
        ]  # fmt: skip
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return found.get(timeout=120).split("|")
        finally:
            browser.terminate()
            browser.wait(timeout=30)
            server.shutdown()


@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome here")
@pytest.mark.parametrize(
    ("width", "scheme", "background"),
    [(1280, 1, "rgb(255, 255, 255)"), (400, 1, "rgb(255, 255, 255)"), (400, 0, "rgb(19, 23, 28)")],
)
def test_it_fits_the_window_and_follows_the_colour_scheme(
    tmp_path: Path, width: int, scheme: int, background: str
) -> None:
    long = {"a_setting_with_a_long_name": "x" * 80}
    save(tmp_path / "runs", report("itn" * 8, "etc" * 12, target_config=long, key=0.5), images=8)
    save(tmp_path / "runs", report("fr", "etc", "RESISTED", gain=0.0, victims=40), images=3)
    (tmp_path / "report.html").write_text(report_html(read_runs([tmp_path / "runs"])))
    found = _look(tmp_path, width, scheme)
    assert found == ["0", str(8 * 3 + 1 + 3 * 3 + 1), background]
