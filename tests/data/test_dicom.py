"""DICOM files: what is shown, who is on which side, and that no patient is in a report."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import ppattack
from ppattack.data.decoding import UnreadableImage
from ppattack.data.dicom import Dicom
from ppattack.data.source import ImageRequest, ImageSets, content_hashes
from ppattack.data.windows import Window
from ppattack.errors import DataError, MissingPackage
from ppattack.render.html import report_html
from ppattack.reports.found import read_runs
from tests.support.dicom_files import PATIENT, write

pydicom = pytest.importorskip("pydicom")
FILES = Path(pydicom.__file__).parent / "data" / "test_files"
RAMP = np.arange(64, dtype=np.int16).reshape(8, 8)


def shown(path: Path, window: Window | None = None) -> list[NDArray[np.uint8]]:
    return [frame.pixels for frame in Dicom(str(path.parent)).frames(path, window)]


def load(folder: Path, victims: int, adversary: int, window: Window | None = None) -> ImageSets:
    return Dicom(str(folder)).load(ImageRequest(victims, adversary, None, window=window))


def patients(folder: Path, count: int, slices: int, **tags: object) -> Path:
    rng = np.random.default_rng(0)
    for number in range(count):
        for place in range(slices):
            values = rng.integers(0, 4096, (16, 16)).astype(np.uint16)
            name = f"{PATIENT['PatientID']}-{number}"
            write(folder / f"{number}-{place}.dcm", values, **{"PatientID": name, **tags})
    return folder


def test_rescaled_values_go_through_the_window_of_the_file(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.dcm", RAMP, RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=-900,
        WindowWidth=100,
    )  # fmt: skip
    units = 2.0 * RAMP - 1000
    wanted = Window(-900, 100).grey(units, 0, 0)
    assert np.array_equal(shown(path)[0][:, :, 0], wanted)
    assert wanted.min() == 0
    assert 100 < wanted.max() < 255
    other = Window(-960, 20)
    assert np.array_equal(shown(path, other)[0][:, :, 0], other.grey(units, 0, 0))


def test_the_first_of_several_windows_and_its_function(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.dcm", RAMP, WindowCenter=[30, 5], WindowWidth=[20, 5],
        VOILUTFunction="SIGMOID",
    )  # fmt: skip
    assert np.array_equal(shown(path)[0][:, :, 0], Window(30, 20, "SIGMOID").grey(RAMP, 0, 0))


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    tags = {"WindowCenter": 32, "WindowWidth": 64}
    dark = write(tmp_path / "a.dcm", RAMP, **tags, PhotometricInterpretation="MONOCHROME1")
    light = write(tmp_path / "b.dcm", RAMP, **tags)
    assert np.array_equal(shown(dark)[0], 255 - shown(light)[0])
    assert shown(dark)[0][0, 0, 0] == 255


def test_without_a_window_all_values_are_shown_and_a_note_says_so(tmp_path: Path) -> None:
    write(tmp_path / "QUINTUS.dcm", RAMP)
    sets = load(tmp_path, 0, 1)
    assert (int(sets.adversary.min()), int(sets.adversary.max())) == (0, 255)
    assert sets.notes[0] == (
        "1 file was converted: file 1 (no window, shown from its least value to its most)."
    )
    full = shown(tmp_path / "QUINTUS.dcm", Window())[0]
    assert np.array_equal(full[:, :, 0], Window().grey(RAMP, -32768, 32767))


def test_every_frame_is_an_image(tmp_path: Path) -> None:
    frames = np.stack([RAMP, RAMP.T, RAMP[::-1]])
    path = write(tmp_path / "a", frames, WindowCenter=32, WindowWidth=64)
    assert [frame.part for frame in Dicom("x").frames(path, None)] == [
        " frame 1", " frame 2", " frame 3",
    ]  # fmt: skip
    assert len(load(tmp_path, 0, 9).adversary) == 3


def test_all_files_of_a_patient_are_on_one_side(tmp_path: Path) -> None:
    patients(tmp_path, 8, 4)
    sets = load(tmp_path, 8, 40)
    theirs = set(content_hashes(sets.adversary))
    for number in range(8):
        files = [shown(tmp_path / f"{number}-{place}.dcm")[0] for place in range(4)]
        tensors = torch.from_numpy(np.stack(files).transpose(0, 3, 1, 2).copy())
        assert len(theirs & set(content_hashes(tensors))) in (0, 4)
    assert 0 < len(theirs) < 32


@pytest.mark.parametrize(
    ("name", "shape", "count"),
    [
        ("CT_small.dcm", (128, 128, 1), 1), ("MR_small.dcm", (64, 64, 1), 1),
        ("MR_small_RLE.dcm", (64, 64, 1), 1), ("MR_small_bigendian.dcm", (64, 64, 1), 1),
        ("SC_rgb_rle_2frame.dcm", (100, 100, 3), 2), ("SC_rgb_rle_16bit.dcm", (100, 100, 3), 1),
        ("SC_rgb_small_odd.dcm", (3, 3, 3), 1),
        ("SC_ybr_full_422_uncompressed.dcm", (100, 100, 3), 1),
        ("examples_palette.dcm", (350, 800, 3), 1), ("rtdose_1frame.dcm", (10, 10, 1), 1),
    ],
)  # fmt: skip
def test_files_of_pydicom_are_shown(name: str, shape: tuple[int, ...], count: int) -> None:
    if not (FILES / name).is_file():
        pytest.skip("pydicom came without its test files")
    found = shown(FILES / name)
    assert [(each.shape, each.dtype) for each in found] == [(shape, np.dtype(np.uint8))] * count
    assert found[0].std() > 1


def test_colours_are_those_of_the_file() -> None:
    """The first rows of the file are pure red; in 422 they are stored as YBR."""
    for name in ("SC_rgb_rle_2frame.dcm", "SC_ybr_full_422_uncompressed.dcm"):
        red, green, blue = shown(FILES / name)[0][5, 50].tolist()
        assert red > 250
        assert max(green, blue) < 5


def test_what_cannot_be_read_is_skipped_without_its_words(tmp_path: Path) -> None:
    patients(tmp_path, 6, 2)
    (tmp_path / "Quintus.dcm").write_bytes(b"Quintus" * 99)
    shutil.copy(FILES / "MR_truncated.dcm", tmp_path / "Emil.dcm")
    shutil.copy(FILES / "empty_charset_LEI.dcm", tmp_path / "Zoe.dcm")
    (tmp_path / "notes.txt").write_text("Quintus")
    sets = load(tmp_path, 0, 30, Window())
    assert len(sets.adversary) == 12
    assert sets.notes[0].startswith("3 files were skipped: ")
    assert "file 13 is damaged, or holds no image (ValueError)" in sets.notes[0]
    assert "file 14 is not a DICOM file" in sets.notes[0]
    assert "file 15 holds no image" in sets.notes[0]


def test_no_patient_is_in_a_report_or_a_page(tmp_path: Path) -> None:
    folder = patients(tmp_path / "in", 8, 3, WindowCenter=2048, WindowWidth=4096)
    write(folder / "Quarrelsome^Quintus" / "Zuckerkandl.dcm", RAMP)
    (folder / "QID-778899.dcm").write_bytes(b"")
    done = ppattack.run(
        ppattack.RunRequest(
            "none", "pe", data=f"dicom:{folder}", victims=4, adversary=6, size=16,
            out=tmp_path / "runs",
        )
    )  # fmt: skip
    (done.folder / "page.html").write_text(report_html(read_runs([done.folder])))
    written = [path for path in done.folder.rglob("*") if path.is_file()]
    assert len(written) > 3
    for path in written:
        content = path.read_bytes()
        for words in (*PATIENT.values(), "Quintus", "Zuckerkandl"):
            assert words.encode() not in content, (path, words)


def test_errors_are_those_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patients(tmp_path, 6, 1)
    with pytest.raises(DataError, match=r"there is no folder .*nowhere"):
        load(tmp_path / "nowhere", 1, 1)
    with pytest.raises(DataError, match=r"images? for the victims, not 99"):
        load(tmp_path, 99, 1)
    with pytest.raises(UnreadableImage, match="does not exist"):
        shown(tmp_path / "none.dcm")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(MissingPackage, match=r"pip install 'ppattack\[dicom\]'"):
        load(tmp_path, 1, 1)
