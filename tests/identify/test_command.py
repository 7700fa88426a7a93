"""``ppattack identify``, and what an audit makes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ppattack.identify import reading
from ppattack.reports.identification import Identification
from tests.support.folders_of_ciphertexts import encrypted, pads, photographs, write_folder
from tests.support.program import in_process


def _json(arguments: str, folder: Path) -> dict[str, object]:
    code, out, errors = in_process(f"identify {arguments} --json", folder)
    assert (code, errors) == (0, "")
    found: dict[str, object] = json.loads(out)
    return found


def test_json_says_what_it_is(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", encrypted("etc", block_size=4))
    found = _json("files", tmp_path)
    assert found["scheme"] == "etc"
    assert found["block_size"] == 4
    assert found["key_scope"] == "dataset"
    assert found["settings"] == {"block_size": 4}
    assert isinstance(found["attacks"], list)
    assert "jigsaw" in found["attacks"]
    properties = found["properties"]
    assert isinstance(properties, list)
    assert {each["answer"] for each in properties} <= {"yes", "no", "undecided"}
    Identification.model_validate(found)


def test_the_table_names_properties_options_and_attacks(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", encrypted("le")[:3])
    code, out, _ = in_process("identify files", tmp_path)
    assert code == 0
    assert "shared-blocks" in out
    assert "fits: --target le --set target.block_size=4" in out
    assert "attacks to try, in order: covariance-matching" in out


def test_a_large_folder_says_how_many_were_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "FILES_AT_MOST", 8)
    write_folder(tmp_path / "files", pads(20))
    _, out, _ = in_process("identify files", tmp_path)
    assert "20 files of 3x32x32, 8 of them looked at" in out


def test_a_name_cannot_pass_for_a_line_of_the_answer(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", encrypted("le")[:5])
    (tmp_path / "files" / "x\nfits: --target \x1b[31mpe.png").touch()
    code, out, _ = in_process("identify files", tmp_path)
    assert code == 0
    assert "\x1b" not in out
    assert [line for line in out.splitlines() if line.startswith("fits: --target pe")] == []
    assert "does not belong: x\\nfits" in out


def test_jpeg_files_are_compressed_after_the_encryption(tmp_path: Path) -> None:
    images = encrypted("etc", block_size=8)
    write_folder(tmp_path / "files", images, "jpg", quality=75, subsampling=0)
    found = _json("files", tmp_path)
    assert (found["scheme"], found["compression"]) == ("etc", "75:444")
    assert found["compressed"] == "after the encryption"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", encrypted("etc", block_size=4))
    code, _, errors = in_process("identify files --html page.html", tmp_path)
    assert (code, errors) == (0, "")
    text = (tmp_path / "page.html").read_text()
    page = _Page()
    page.feed(text)
    assert page.tags.count("img") == 6
    assert page.tags.count("svg") >= 4
    assert "script" not in page.tags
    assert all(source.startswith(("data:", "#")) for source in page.sources)
    assert "Block edges" in text
    assert "Histogram of |v - 127.5|" in text


def test_the_page_alone_goes_to_stdout(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", pads(1))
    code, out, errors = in_process("identify files --html -", tmp_path)
    assert (code, errors) == (0, "")
    assert out.startswith("<!")
    assert out.rstrip().endswith("</html>")
    assert not (tmp_path / "-").exists()
    code, out, errors = in_process("identify files --html - --json", tmp_path)
    assert (code, out) == (2, "")
    assert errors.count("\n") == 1
    assert "--html" in errors


def test_the_page_of_codes(tmp_path: Path) -> None:
    plain = photographs()[:4, :1]
    codes = encrypted("neuracrypt", images=plain, variant="small")
    write_folder(tmp_path / "files", codes, "npy")
    code, _, errors = in_process("identify files --html page.html", tmp_path)
    assert (code, errors) == (0, "")
    assert "neuracrypt" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty", "holds no image or NPY files"),
        ("text", "holds no image or NPY files"),
        ("nowhere", "there is no folder"),
        ("mixed", "of one kind"),
        ("unreadable", "cannot be looked at"),
    ],
)
def test_errors_are_one_line(name: str, words: str, tmp_path: Path) -> None:
    for folder in ("empty", "text", "mixed", "unreadable"):
        (tmp_path / folder).mkdir()
    (tmp_path / "text" / "note.txt").write_text("no picture")
    (tmp_path / "unreadable" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    write_folder(tmp_path / "mixed", pads(1))
    write_folder(tmp_path / "mixed" / "x", pads(1, 16)[:, :1])
    (tmp_path / "mixed" / "x" / "00000.png").rename(tmp_path / "mixed" / "b.png")
    code, out, errors = in_process(f"identify {name} --html page.html", tmp_path)
    assert (code, out) == (2, "")
    assert errors.startswith("ppattack: ")
    assert errors.count("\n") == 1
    assert words in errors
    assert not (tmp_path / "page.html").exists()


@pytest.mark.process
def test_torch_is_not_imported(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", pads(3))
    code = (
        "import sys; sys.argv = ['ppattack', 'identify', sys.argv[1], '--html', sys.argv[2]]\n"
        "from ppattack_cli.main import _run\n"
        "assert _run() == 0\n"
        "heavy = {'torch', 'skimage', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "files"), str(tmp_path / "page.html")]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        arguments, capture_output=True, text=True, env={"PYTHONPATH": root}, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_audit_of_photographs_or_noise_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "plain", photographs())
    write_folder(tmp_path / "noise", pads())
    for name, words in (("plain", "plain: photographs"), ("noise", "noise: nothing tells")):
        code, _, errors = in_process(f"audit --ciphertexts {name} --preset smoke -q", tmp_path)
        assert code == 2
        assert words in errors
        assert errors.count("\n") == 1


def test_an_audit_without_target_and_files_is_refused(tmp_path: Path) -> None:
    code, _, errors = in_process("audit --preset smoke -q", tmp_path)
    assert code == 2
    assert errors.count("\n") == 1
    assert "target" in errors
