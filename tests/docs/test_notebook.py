"""The notebook runs, and shows what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import notebooks
from tests.support.page import Page

PLACE = Path(__file__).parents[2] / "docs" / "notebook.ipynb"


def _texts(outputs: notebooks.Outputs) -> list[str]:
    """Printed lines and values, without their pictures."""
    return ["".join(each.get("text") or each["data"]["text/plain"]) for each in outputs]


@pytest.mark.long
def test_the_notebook_shows_what_is_stored_in_it() -> None:
    notebook = notebooks.read(PLACE)
    stored = [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    found = notebooks.run(notebook)
    assert [_texts(each) for each in found] == [_texts(each) for each in stored]
    shown = [each["data"] for outputs in found for each in outputs if "data" in each]
    run, audit = (Page("".join(data["text/html"])) for data in shown if "text/html" in data)
    assert len(run.all("img")) == len(audit.all("img")) == 6 * 3
    assert "ssim" in run.all("table")[0].text
    assert "known-plaintext" in audit.all("table")[0].text
    assert all(level.text.startswith("✗ ") for level in audit.all("li"))


def test_it_is_small_and_whole() -> None:
    assert PLACE.stat().st_size < 150_000
    notebook = notebooks.read(PLACE)
    numbers = [cell["execution_count"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert numbers == list(range(1, len(numbers) + 1))
    assert not any(
        each["output_type"] == "error"
        for cell in notebook["cells"]
        for each in cell.get("outputs", [])
    )


@pytest.mark.slow
@pytest.mark.process
def test_a_kernel_shows_the_same(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(PLACE, as_version=4)
    stored = [_said(cell) for cell in notebook.cells if cell.cell_type == "code"]
    resources = {"metadata": {"path": str(tmp_path)}}
    client.NotebookClient(notebook, timeout=600, resources=resources).execute()
    found = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [_said(cell) for cell in found] == stored
    shown = [each.output_type for cell in found for each in cell.outputs]
    assert shown.count("display_data") == 2, "the attack and the audit show their progress"


def _said(cell: Any) -> list[str]:
    """Printed lines and values of a cell, without progress, which a kernel displays."""
    return _texts([dict(each) for each in cell.outputs if each.output_type != "display_data"])
