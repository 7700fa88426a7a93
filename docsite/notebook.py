"""A notebook as a page: text, code and what it gave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def notebook_page(notebook: Mapping[str, Any]) -> str:
    """Markdown of an executed notebook (format 4), outputs of its cells included."""
    return "\n\n".join(part for cell in notebook["cells"] for part in _cell(cell)) + "\n"


def _cell(cell: Mapping[str, Any]) -> Iterator[str]:
    text = _text(cell["source"])
    if cell["cell_type"] != "code":
        yield text
        return
    yield f"```python\n{text}\n```"
    for output in cell["outputs"]:
        yield from _output(output)


def _output(output: Mapping[str, Any]) -> Iterator[str]:
    data = output.get("data", {})
    if "text/html" in data:
        yield f'<div class="output">\n{_text(data["text/html"])}\n</div>'
    elif "image/png" in data:
        yield f'<img alt="output" src="data:image/png;base64,{_text(data["image/png"]).strip()}">'
    else:
        text = _text(output.get("text") or data.get("text/plain", ""))
        if text.strip():
            yield f"```text\n{text.rstrip()}\n```"


def _text(lines: str | list[str]) -> str:
    return lines if isinstance(lines, str) else "".join(lines)
