"""Docstrings as mkdocstrings reads them: roles of Sphinx become code."""

from __future__ import annotations

from typing import Any

import griffe

from docsite.prose import code_marks


class Roles(griffe.Extension):
    """Rewrites every docstring when it is loaded."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Replace roles in the docstring of an object."""
        if obj.docstring is not None:
            obj.docstring.value = code_marks(obj.docstring.value)
