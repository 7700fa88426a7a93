"""Links of Markdown pages: where they lead in the repository, and where on the site."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
HIDDEN = re.compile(
    r"^ *(?P<fence>```+|~~~+).*?^ *(?P=fence) *$|<!--.*?-->"
    r"|(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"\]\((?P<to>[^()\s]+)(?: \"[^\"]*\")?\)")
HEADING = re.compile(r"^#{1,6} +(?P<text>.*?) *#*$", re.MULTILINE)
ANCHOR = re.compile(r"<a (?:id|name)=\"([^\"]+)\"")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:")
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
"""Pages of the repository that are pages of the site, by the name that they have there."""
SOURCES = "source"
"""The folder of the site that shows files of the repository."""


@dataclass(frozen=True)
class Link:
    """A link that leads to a file.

    Args:
        page: the page that it stands on, relative to the repository.
        to: as written.
        path: what it leads to, relative to the repository.
        anchor: the part of that page, or ``""``.
    """

    page: str
    to: str
    path: str
    anchor: str


def visible(markdown: str) -> str:
    """The text with code and comments blanked out; every other character keeps its place."""
    return HIDDEN.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), markdown)


def links(page: str, markdown: str) -> Iterator[Link]:
    """The links of a page that lead to files, pictures too, in order."""
    for found in LINK.finditer(visible(markdown)):
        if not ELSEWHERE.match(found["to"]):
            yield _link(page, found["to"])


def _link(page: str, to: str) -> Link:
    target, _, anchor = to.partition("#")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target)) if target else page
    return Link(page, to, path, anchor)


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and the site make it."""
    text = re.sub(r"\]\([^)]*\)", "", re.sub(r"<[^>]+>", "", heading))
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def anchors(markdown: str) -> set[str]:
    """Every anchor of a page."""
    shown = re.sub(r"^(?P<fence>```+).*?^(?P=fence) *$", "", markdown, flags=re.M | re.S)
    return {slug(found["text"]) for found in HEADING.finditer(shown)} | set(ANCHOR.findall(shown))


def broken(pages: dict[str, str], root: Path = ROOT) -> list[str]:
    """What is wrong with the links of pages.

    Args:
        pages: Markdown by path relative to the repository.
        root: the repository.

    Returns:
        One line for each link that leads nowhere.
    """
    found = []
    for page, markdown in pages.items():
        for link in links(page, markdown):
            file = root / link.path
            if link.path not in pages and (link.path.startswith("..") or not file.exists()):
                found.append(f"{page}: {link.to}: there is no {link.path}")
            elif link.anchor and link.path.endswith(".md"):
                text = pages.get(link.path) or file.read_text(encoding="utf-8")
                if link.anchor not in anchors(text):
                    found.append(f"{page}: {link.to}: {link.path} has no such heading")
    return found


def written_pages(root: Path = ROOT) -> dict[str, str]:
    """Every Markdown page that people write, by its path relative to the repository."""
    folders = [root / name for name in ("docs", "examples", "ppattack", "benchmarks")]
    files = [*root.glob("*.md"), *(file for folder in folders for file in folder.rglob("*.md"))]
    return {
        file.relative_to(root).as_posix(): file.read_text(encoding="utf-8")
        for file in sorted(files)
    }


def on_site(path: str, root: Path = ROOT) -> str:
    """The source of the page of the site that shows a file or folder of the repository."""
    if path in PAGES:
        return PAGES[path]
    if path.startswith("docs/"):
        return re.sub(r"\.ipynb$", ".md", path.removeprefix("docs/"))
    shown = "/".join(part.lstrip(".") for part in path.split("/"))
    if (root / path).is_dir():
        return f"{SOURCES}/{shown}/index.md"
    if path.endswith("README.md"):
        return f"{SOURCES}/{shown.removesuffix('README.md')}index.md"
    return f"{SOURCES}/{shown}.md"


def rewritten(page: str, markdown: str, meet: Callable[[str], None], root: Path = ROOT) -> str:
    """The page with its links as they are on the site.

    Args:
        page: its path relative to the repository.
        markdown: its text.
        meet: is told every path of the repository that a link leads to.
        root: the repository.
    """
    here = posixpath.dirname(on_site(page, root))

    def moved(found: re.Match[str]) -> str:
        if ELSEWHERE.match(found["to"]) or found["to"].startswith("#"):
            return markdown[found.start() : found.end()]
        link = _link(page, found["to"])
        meet(link.path)
        to = posixpath.relpath(on_site(link.path, root), here or ".")
        return f"]({to}#{link.anchor})" if link.anchor else f"]({to})"

    parts, end = [], 0
    for found in LINK.finditer(visible(markdown)):
        parts += [markdown[end : found.start()], moved(found)]
        end = found.end()
    return "".join([*parts, markdown[end:]])
