"""Notebooks, run in this process: no kernel is started, and nothing but their format is needed.

``python -m tests.support.notebooks docs/notebook.ipynb`` runs one and writes what it shows into it.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

Outputs = list[dict[str, Any]]


def read(path: Path) -> dict[str, Any]:
    """The document of a notebook."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def run(notebook: dict[str, Any]) -> list[Outputs]:
    """What the cells of code show, one after another, in a namespace of their own."""
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [_cell("".join(cell["source"]), names) for cell in cells]


def _cell(source: str, names: dict[str, Any]) -> Outputs:
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "cell", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    made: Outputs = []
    if printed.getvalue():
        made.append({"output_type": "stream", "name": "stdout", "text": _lines(printed.getvalue())})
    if value is not None:
        data = {"text/plain": _lines(repr(value))}
        if hasattr(value, "_repr_html_"):
            data = {"text/html": _lines(value._repr_html_()), **data}
        made.append({"output_type": "execute_result", "metadata": {}, "data": data})
    return made


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _write(path: Path) -> None:
    notebook = read(path)
    shown = iter(run(notebook))
    number = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            number += 1
            cell["execution_count"] = number
            cell["outputs"] = [
                {**each, "execution_count": number} if each["output_type"] != "stream" else each
                for each in next(shown)
            ]
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
