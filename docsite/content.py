"""All pages of the site, by their path: written ones, generated ones, and files of the repository.

Nothing here is committed: pages about plug-ins come from the registry, the reference from the
docstrings, and whatever a page links to in the repository becomes a page that shows that file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from docsite import pages, reference
from docsite.links import PAGES, ROOT, SOURCES, on_site, rewritten, written_pages
from docsite.notebook import notebook_page
from ppattack.plugins import registry

UNSEARCHED = "---\nsearch:\n  exclude: true\n---\n\n"
BOARD = ROOT / "docs" / "results" / "leaderboard.json"
"""The committed leaderboard: its page is made with the site, ``leaderboard.md`` shows it."""
BOARD_PAGE = "results/board.html"
BOARD_SHOWN = f"""

## The table

<iframe src="{BOARD_PAGE}" title="Leaderboard" class="board"></iframe>

[The table on a page of its own]({BOARD_PAGE})
"""
LANGUAGES = {".py": "python", ".toml": "toml", ".yml": "yaml", ".json": "json", ".sh": "sh"}


def site_pages() -> dict[str, str]:
    """Markdown by path on the site, links and all."""
    written = written_pages()
    texts = {f"docs/{path}": text for path, text in pages.plugin_pages(written).items()}
    texts |= {f"docs/{path}": text for path, text in reference.pages().items()}
    texts |= {path: text for path, text in written.items() if path.startswith("docs/")}
    texts |= {path: written[path] for path in PAGES}
    for notebook in (ROOT / "docs").glob("*.ipynb"):
        cells = json.loads(notebook.read_text(encoding="utf-8"))
        texts[f"docs/{notebook.name}"] = notebook_page(cells)
    if BOARD.is_file():
        texts["docs/leaderboard.md"] += BOARD_SHOWN
    for name in registry.names("attack"):
        if (path := f"docs/attacks/{name}.md") in written:
            texts[path] = pages.completed(name, written[path])
    return _with_sources(texts)


def board() -> str | None:
    """The page of the committed leaderboard; None if there is none."""
    if not BOARD.is_file():
        return None
    with TemporaryDirectory() as folder:
        page = Path(folder) / "board.html"
        command = [sys.executable, "-m", "ppattack_cli", "leaderboard", str(BOARD), "-o", str(page)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True)  # noqa: S603
        return page.read_text(encoding="utf-8")


def _with_sources(texts: dict[str, str]) -> dict[str, str]:
    """The pages, and those of every file that is linked to, also from these."""
    made: dict[str, str] = {}
    waiting = dict(texts)
    while waiting:
        path, text = waiting.popitem()
        met: list[str] = []
        made[on_site(path)] = rewritten(path, text, met.append)
        for each in met:
            shown = on_site(each)
            if shown.startswith(SOURCES) and shown not in made and each not in waiting:
                waiting[each] = source_page(each)
    return made


def source_page(path: str) -> str:
    """A page that shows a file or a folder of the repository."""
    file = ROOT / path
    if file.is_dir():
        readme = file / "README.md"
        text = readme.read_text("utf-8") if readme.is_file() else f"# `{path}`\n"
        files = sorted(each.name for each in file.iterdir() if _is_shown(each.name))
        last = PurePosixPath(path).name
        rows = "\n".join(f"- [`{name}`]({last}/{name})" for name in files)
        return f"{UNSEARCHED}{text}\n\n{rows}\n"
    text = file.read_text(encoding="utf-8")
    if path.endswith(".md"):
        return UNSEARCHED + text
    language = LANGUAGES.get(file.suffix, "text")
    return f"{UNSEARCHED}# `{path}`\n\n~~~~~~{language}\n{text.rstrip()}\n~~~~~~\n"


def _is_shown(name: str) -> bool:
    return name.endswith((".py", ".toml", ".md")) and name not in ("README.md", "__init__.py")
