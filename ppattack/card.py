"""Declarative cards: what a plug-in is, who published it, what it needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A published source.

    Args:
        authors: as printed, separated by commas.
        title: the title of the paper (or of the code base).
        venue: journal, conference or archive, with volume and pages where known.
        year: year of publication.
        doi: the DOI without a resolver, or ``""``.
        arxiv: the arXiv identifier, or ``""``.
    """

    authors: str
    title: str
    venue: str
    year: int
    doi: str = ""
    arxiv: str = ""

    def __str__(self) -> str:
        where = f"doi:{self.doi}" if self.doi else f"arXiv:{self.arxiv}" if self.arxiv else ""
        parts = [f"{self.authors}: {self.title}", f"{self.venue} ({self.year})", where]
        return ". ".join(part for part in parts if part)
