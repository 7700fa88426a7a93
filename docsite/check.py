"""A built site: every link and picture leads somewhere, and nothing comes from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from typing_extensions import override

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""Elements whose address a browser fetches by itself."""
NOT_FETCHED = {"canonical", "prev", "next", "alternate"}


class _Page(HTMLParser):
    """Addresses and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        address = given.get(LOADED.get(tag, ""), "")
        if address and not NOT_FETCHED & set(given.get("rel", "").split()):
            self.loads.append(address)
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])


def faults(site: Path) -> list[str]:
    """What is wrong with a site, one line each.

    Args:
        site: its folder.
    """
    pages = {
        file.resolve(): _Page(file.read_text(encoding="utf-8")) for file in site.rglob("*.html")
    }
    found = []
    for file, page in pages.items():
        shown = file.relative_to(site.resolve()).as_posix()
        if shown == "404.html":  # shown at any depth by a server, so its addresses are absolute
            continue
        for address in [*page.links, *page.loads]:
            if urlsplit(address).scheme or address.startswith("//"):
                if address in page.loads and not address.startswith("data:"):
                    found.append(f"{shown}: loads {address}")
            elif fault := _leads_nowhere(file, address, pages):
                found.append(f"{shown}: {address}: {fault}")
    return found


def _leads_nowhere(file: Path, address: str, pages: dict[Path, _Page]) -> str:
    parts = urlsplit(address)
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file():
        return "there is no such file"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].ids:
        return "" if re.fullmatch(r"__\w+|:~:.*", anchor) else "there is no such place on the page"
    return ""
