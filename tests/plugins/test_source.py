"""What counts as a plug-in's source: an edit of it is another experiment."""

from __future__ import annotations

from pathlib import Path

import pytest

from ppattack.plugins import registry
from ppattack.plugins.source import files_hash, source_files, source_hash
from tests.support.plugins import ciphers


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a cipher, what it imports, and what it does not."""
    root = tmp_path / "project"
    files = {
        "pyproject.toml": "",
        "ciphers/__init__.py": "",
        "ciphers/mine.py": "import numpy\nfrom ppattack.target import Target\n"
        "from . import rounds\nfrom ciphers.tables import SBOX\nimport beside\n"
        "def later():\n    from shared.deep.constants import C\n",
        "ciphers/rounds.py": "from .tables import SBOX\nfrom .deeper.mix import mix\n",
        "ciphers/tables.py": "import ciphers.mine  # in a circle\nSBOX = 1\n",
        "ciphers/deeper/__init__.py": "",
        "ciphers/deeper/mix.py": "from ..tables import SBOX\n",
        "ciphers/beside.py": "",
        "ciphers/unused.py": "",
        "src/shared/__init__.py": "",
        "src/shared/deep/__init__.py": "",
        "src/shared/deep/constants.py": "C = 1\n",
        "numpy.txt": "",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_files_of_the_project_that_are_imported_directly_or_not(project: Path) -> None:
    first, *others = source_files(project / "ciphers" / "mine.py")
    assert first == (project / "ciphers" / "mine.py").resolve()
    assert {str(each.relative_to(project.resolve())) for each in others} == {
        "ciphers/__init__.py",
        "ciphers/rounds.py",
        "ciphers/tables.py",
        "ciphers/deeper/__init__.py",
        "ciphers/deeper/mix.py",
        "ciphers/beside.py",
        "src/shared/__init__.py",
        "src/shared/deep/__init__.py",
        "src/shared/deep/constants.py",
    }


@pytest.mark.parametrize(
    ("edited", "changes"),
    [
        ("ciphers/mine.py", True),
        ("ciphers/deeper/mix.py", True),
        ("src/shared/deep/constants.py", True),
        ("ciphers/unused.py", False),
        ("pyproject.toml", False),
    ],
)
def test_an_edit_of_any_of_them_changes_the_hash(project: Path, edited: str, changes: bool) -> None:
    before = files_hash(project / "ciphers" / "mine.py")
    with (project / edited).open("a") as file:
        file.write("\n# edited\n")
    assert (files_hash(project / "ciphers" / "mine.py") != before) is changes


def test_without_a_project_what_lies_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    cipher, tables = tmp_path / "alone" / "cipher.py", tmp_path / "alone" / "tables.py"
    cipher.write_text("import tables, above\n")
    tables.write_text("")
    (tmp_path / "above.py").write_text("")
    assert source_files(cipher) == [cipher.resolve(), tables.resolve()]


def test_an_installed_package_counts_itself_and_not_its_neighbours(tmp_path: Path) -> None:
    for name in ("numpy.py", "pkg/__init__.py", "pkg/sub/__init__.py", "pkg/tables.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    cipher = tmp_path / "pkg" / "sub" / "cipher.py"
    cipher.write_text("import numpy\nimport pkg.tables\n")
    names = {str(file.relative_to(tmp_path.resolve())) for file in source_files(cipher)}
    assert names == {"pkg/sub/cipher.py", "pkg/__init__.py", "pkg/tables.py"}


def test_what_cannot_be_read_has_no_hash_and_bad_syntax_has_one(tmp_path: Path) -> None:
    assert files_hash(tmp_path / "none.py") == ""
    (tmp_path / "bad.py").write_text("def (")
    assert len(files_hash(tmp_path / "bad.py")) == 64


def test_the_place_of_a_project_is_no_part_of_the_hash(project: Path, tmp_path: Path) -> None:
    before = files_hash(project / "ciphers" / "mine.py")
    project.rename(tmp_path / "elsewhere")
    assert files_hash(tmp_path / "elsewhere" / "ciphers" / "mine.py") == before


def test_targets_of_this_package_count_what_they_are_made_of() -> None:
    path = registry.source_file("target", "etc-gray")
    assert path is not None
    assert any(file.name == "etc.py" for file in source_files(path)[1:])


class SaysAnotherHash:
    source_hash = "another"


def test_only_a_proxy_may_tell_its_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    assert source_hash(SaysAnotherHash()) != "another"
    monkeypatch.setattr(SaysAnotherHash, "__module__", "ppattack.isolation_of_mine")
    assert source_hash(SaysAnotherHash()) != "another"
    monkeypatch.setattr(SaysAnotherHash, "__module__", "ppattack.isolation.proxy")
    assert source_hash(SaysAnotherHash()) == "another"


def test_another_class_of_the_same_file_is_another_plug_in() -> None:
    assert source_hash(ciphers.Masked()) == source_hash(ciphers.Masked())
    assert source_hash(ciphers.Masked()) != source_hash(ciphers.Complemented())
