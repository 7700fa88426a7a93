"""What mkdocs calls while it builds the site (``hooks`` in ``mkdocs.yml``)."""

from __future__ import annotations

import re
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

import ppattack
from docsite import pictures
from docsite.check import faults
from docsite.content import BOARD_PAGE, board, site_pages
from docsite.pages import title
from ppattack.plugins import registry

_pages: dict[str, str] = {}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the pages, and put those that ``nav`` names by a pattern into it."""
    _pages.clear()
    _pages.update(site_pages())
    config.extra["version_of_ppattack"] = ppattack.__version__
    config.copyright = f"ppattack {ppattack.__version__}"
    listed = set(_listed(config.nav))
    config.nav = _expanded(config.nav, listed)
    return config


def _listed(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [path for part in parts for path in _listed(part)]


def _expanded(nav: Any, listed: set[str]) -> Any:
    """The navigation with ``folder/*.md`` replaced by the pages that it does not name itself."""
    if isinstance(nav, dict):
        return {title: _expanded(part, listed) for title, part in nav.items()}
    if isinstance(nav, str):
        return nav
    made = []
    for part in nav:
        if isinstance(part, str) and "*" in part:
            found = sorted(path for path in _pages if fnmatch(path, part) and path not in listed)
            made += [{_short(_pages[path]): path} for path in found]
        else:
            made.append(_expanded(part, listed))
    return made


def _short(page: str) -> str:
    """The title of a page; of one about a plug-in the name alone."""
    first = title(page)
    named = re.match(r"`([^`]+)`", first)
    return named[1] if named else first


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put the pages in place of the files in ``docs/``, and the pictures of targets beside them."""
    for file in list(files.documentation_pages()):
        files.remove(file)
    for path, text in _pages.items():
        files.append(File.generated(config, path, content=text))
    for name in registry.names("target"):
        picture = pictures.of_target(name)
        if picture is not None:
            files.append(File.generated(config, f"targets/{name}.png", content=picture))
    if (page := board()) is not None:
        files.append(File.generated(config, BOARD_PAGE, content=page))
    return files


def on_post_page(output: str, page: Any, config: MkDocsConfig) -> str:
    """Name the search for screen readers."""
    found = 'data-md-component="search" role="dialog"'
    return output.replace(found, f'{found} aria-label="Search"')


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site with a link that leads nowhere, or that loads anything from elsewhere."""
    found = faults(Path(config.site_dir))
    if found:
        raise PluginError("\n".join(["the site is faulty:", *found]))
