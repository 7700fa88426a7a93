"""The page in a real browser, where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ppattack.render.html import report_html
from ppattack.saved_runs import read_runs
from tests.render.saved import report, save

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
  document.title = [root.scrollWidth - root.clientWidth, shown.filter(Boolean).length,
    getComputedStyle(page.body).backgroundColor].join("|");
}});
</script>"""


def _look(folder: Path, width: int, scheme: int) -> list[str]:
    """Overflow, images shown and background at a width in pixels, light (1) or dark (0)."""
    (folder / "probe.html").write_text(PROBE.format(width=width))
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
        "--allow-file-access-from-files", "--virtual-time-budget=2000",
        f"--blink-settings=preferredColorScheme={scheme}",
        f"--user-data-dir={folder / 'profile'}", (folder / "probe.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title, done.stdout[:500]
    return title[1].split("|")


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
