"""The measurement as a whole: folders, reuse, reports, what is refused."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ppattack.compression import measure as measuring
from ppattack.compression.codecs import Codec, read_codec
from ppattack.compression.experiment import compress
from ppattack.errors import ConfigError, DataError, ImageError, NotApplicable, ReportError
from ppattack.reports.compression import CompressionReport, read_compression
from ppattack.runs.store import Finished
from tests.support.compression_pictures import request
from tests.support.program import in_process


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> list[Finished[CompressionReport]]:
    return compress(request(tmp_path_factory.mktemp("runs"), "etc", "plain"))


def test_each_target_has_a_folder(done: list[Finished[CompressionReport]]) -> None:
    for finished, target in zip(done, ("etc", "plain"), strict=True):
        assert finished.folder.name == f"compress-{target}-{finished.report.id}"
        assert sorted(path.name for path in finished.folder.iterdir()) == [
            "compression.json",
            "sizes.csv",
        ]
    assert len(list(done[0].folder.parent.iterdir())) == 2


def test_reports_come_back_as_they_were(done: list[Finished[CompressionReport]]) -> None:
    for finished in done:
        assert read_compression(finished.folder) == finished.report
        assert read_compression(finished.folder / "compression.json") == finished.report
        text = finished.report.to_json()
        assert CompressionReport.model_validate_json(text) == finished.report
    report = done[0].report
    assert report.data.images == 4
    assert report.data.shape == report.ciphertext_shape == (3, 32, 32)
    assert [row.codec for row in report.codecs] == ["jpeg-85-420", "png"]
    found = report.row("png")
    assert found is not None
    assert found.lossless
    assert report.row("jpeg-ls") is None
    assert report.provenance["codec_versions"]["libjpeg-turbo"]


def test_sizes_of_every_image(done: list[Finished[CompressionReport]]) -> None:
    rows = list(csv.DictReader((done[0].folder / "sizes.csv").open()))
    assert [row["image"] for row in rows] == ["00000", "00001", "00002", "00003"]
    for row in done[0].report.codecs:
        sums = [
            sum(int(size[f"{row.codec}.{side}"]) for size in rows)
            for side in ("plain", "encrypted")
        ]
        assert row.ratio == pytest.approx(sums[1] / sums[0], rel=1e-12)


def test_a_finished_one_is_reused(done: list[Finished[CompressionReport]]) -> None:
    out = done[0].folder.parent
    again = compress(request(out, "etc", "plain"))
    assert [each.reused for each in again] == [True, True]
    assert [each.report for each in again] == [each.report for each in done]
    (forced,) = compress(request(out, "etc", force=True))
    assert not forced.reused
    assert forced.report.codecs == done[0].report.codecs
    assert forced.folder == done[0].folder
    assert len(list(out.iterdir())) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"images": 3},
        {"size": 33},
        {"key_scope": "image"},
        {"codecs": ("png",)},
        {"target_settings": {"block_size": "8"}},
        {"own_settings": {"etc": {"block_size": "8"}}},
    ],
    ids=str,
)
def test_another_request_is_another_experiment(
    done: list[Finished[CompressionReport]], tmp_path: Path, change: dict[str, Any]
) -> None:
    (other,) = compress(request(tmp_path, "etc", **change))
    assert other.report.id != done[0].report.id


def test_settings_of_one_target_are_its_own(tmp_path: Path) -> None:
    found = compress(
        request(tmp_path, "etc", "pe", own_settings={"etc": {"block_size": "8"}}, codecs=("png",))
    )
    assert found[0].report.target.config["block_size"] == 8
    assert found[1].report.target.name == "pe"


def test_padding_shows_in_the_shape(tmp_path: Path) -> None:
    (found,) = compress(request(tmp_path, "etc", size=33, codecs=("png",)))
    assert found.report.data.shape == (3, 33, 33)
    assert found.report.ciphertext_shape == (3, 48, 48)
    row = found.report.codecs[0]
    assert row.round_trip is not None
    assert row.round_trip.exact == 1.0


def test_a_key_for_every_image(tmp_path: Path) -> None:
    etc, pad = compress(request(tmp_path, "etc", "one-time-pad", key_scope="image"))
    for report in (etc.report, pad.report):
        found = report.row("png")
        assert report.key_scope == "image"
        assert found is not None
        assert found.round_trip is not None
        assert found.round_trip.exact == 1.0
    assert pad.report.codecs[1].ratio is not None
    assert pad.report.codecs[1].ratio > 1.05


@pytest.mark.parametrize(("target", "variant"), [("pe", "ito"), ("etc", "madono")])
def test_a_scheme_without_decryption_has_sizes_alone(
    tmp_path: Path, target: str, variant: str
) -> None:
    settings = {"variant": variant, **({"block_size": "4"} if target == "etc" else {})}
    (found,) = compress(request(tmp_path, target, target_settings=settings))
    assert found.report.round_trip_absent
    for row in found.report.codecs:
        assert row.ratio is not None
        assert row.ratio > 1.0
        assert row.plain_quality is not None
        assert row.round_trip is None


def test_a_codec_that_is_not_installed_is_a_row_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    (found,) = compress(request(tmp_path, codecs=None, qualities=(85,)))
    row = found.report.row("jpeg-ls")
    assert row is not None
    assert row.absent is not None
    assert "pip install 'ppattack[utility]'" in row.absent
    assert (row.plain_bytes, row.ratio, row.round_trip) == (None, None, None)
    assert [each.codec for each in found.report.codecs if each.absent is None] == [
        "jpeg-85-444",
        "jpeg-85-420",
        "jpeg-2000",
        "jpeg-2000-rct",
        "png",
    ]
    assert "jpeg-ls" not in (found.folder / "sizes.csv").read_text()
    with pytest.raises(ConfigError, match="'jpeg-ls' cannot be used"):
        compress(request(tmp_path, codecs=("jpeg-ls",)))


def test_what_cannot_be_measured_is_refused_before_anything_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'neuracrypt' makes tokens, not images"):
        compress(request(tmp_path, "etc", "neuracrypt"))
    with pytest.raises(NotApplicable, match="no key scope 'dataset'"):
        compress(request(tmp_path, "etc", "one-time-pad", key_scope="dataset"))
    with pytest.raises(ConfigError, match="every JPEG quality must be named once"):
        compress(request(tmp_path, codecs=None, qualities=(85, 85)))
    (tmp_path / "grey").mkdir()
    for level in range(40):
        Image.new("L", (16, 16), level).save(tmp_path / "grey" / f"{level}.png")
    with pytest.raises(ImageError, match="takes RGB images only, and these have 1 channel: use"):
        compress(request(tmp_path / "runs", "plain", "etc-gray", data=f"folder:{tmp_path}/grey"))
    assert [path.name for path in tmp_path.iterdir()] == ["grey"]


def test_an_interruption_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    png = type(read_codec("png"))

    def interrupt(codec: Codec, *_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(png, "decode", interrupt)
    words = "compress --target etc -n 2 --codec jpeg-85-420 --codec png -q"
    code, out, errors = in_process(words, tmp_path)
    assert (code, out) == (130, "")
    assert len(errors.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_writing_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = compress(request(tmp_path, "etc"))[0]

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ppattack.compression.experiment.sizes_csv", full)
    with pytest.raises(DataError, match="No space left"):
        compress(request(tmp_path, "etc", force=True))
    with pytest.raises(DataError, match="No space left"):
        compress(request(tmp_path, "pe"))
    assert list(tmp_path.iterdir()) == [first.folder]
    assert read_compression(first.folder) == first.report


def test_plain_images_are_compressed_once_for_all_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = []
    through = measuring.transport

    def counted(codec: Codec, *rest: Any) -> Any:
        passed.append(codec.name)
        return through(codec, *rest)

    monkeypatch.setattr(measuring, "transport", counted)
    compress(request(tmp_path, "etc", "pe", "le", codecs=("png",)))
    assert passed == ["png"] * 4


def test_damaged_reports_are_named(tmp_path: Path) -> None:
    path = tmp_path / "compression.json"
    with pytest.raises(ReportError, match="cannot read the report"):
        read_compression(tmp_path)
    path.write_text("{}")
    with pytest.raises(ReportError, match="is not a ppattack compression report: id"):
        read_compression(tmp_path)


def test_reports_of_another_schema_are_refused(
    done: list[Finished[CompressionReport]], tmp_path: Path
) -> None:
    text = done[0].report.model_copy(update={"schema_version": "2.0"}).to_json()
    (tmp_path / "compression.json").write_text(text)
    with pytest.raises(ReportError, match=r"schema version 2\.0"):
        read_compression(tmp_path)


def test_the_command(tmp_path: Path) -> None:
    words = "compress --target etc --target ele --quality 85 -n 3 --set etc.block_size=8"
    code, out, errors = in_process(words, tmp_path)
    assert code == 0, errors
    lines = out.splitlines()
    assert lines[0].startswith("etc: 3 images of photos, shape (3, 32, 32)")
    rows = [line.split()[0] for line in lines if line.startswith((" jpeg-", " png"))]
    assert rows[:2] == ["jpeg-85-444", "jpeg-85-420"]
    assert len(rows) == 2 * 6
    places = [line.removeprefix("report: ") for line in lines if line.startswith("report: ")]
    reports = [read_compression(tmp_path / place) for place in places]
    assert [report.target.name for report in reports] == ["etc", "ele"]
    assert reports[0].target.config["block_size"] == 8
    code, out, errors = in_process(f"{words} --json", tmp_path)
    assert code == 0
    assert "measured before" in errors
    assert [CompressionReport.model_validate(each) for each in json.loads(out)] == reports
