"""The table of requirements: every cell from reports, or the command that would measure it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ppattack.config import as_dict
from ppattack.errors import ReportError
from ppattack.plugins import registry
from ppattack.render.html import report_html
from ppattack.render.summary_table import REQUIREMENTS, Requirement, Scheme, schemes
from ppattack.render.tables import report_latex, report_markdown
from ppattack.reports.found import Collection, SavedRun, read_collection
from ppattack.reports.run import Report
from tests.support.page import Page
from tests.support.program import in_process
from tests.support.saved import report, save
from tests.support.utility import classification, compression, keep

HOSTILE = "<script>alert(1)</script>"


def runs(*reports: Report) -> list[SavedRun]:
    return [SavedRun(Path(str(place)), content) for place, content in enumerate(reports)]


def row(collection: Collection, label: str = "etc") -> dict[str, Requirement]:
    """The cells of a scheme by requirement."""
    (found,) = (scheme for scheme in schemes(collection) if scheme.label == label)
    return dict(zip(REQUIREMENTS, found.cells, strict=True))


def test_what_has_no_report_names_the_command_that_measures_it() -> None:
    cells = row(Collection(compressions=[compression("etc", ("png", 1.5))]))
    assert cells["accuracy"] == Requirement(("not measured",), "ppattack classify --target etc")
    assert cells["robustness"] == Requirement(("not measured",), "ppattack audit --target etc")
    assert cells["no adaptation network"].command == "ppattack classify --target etc"
    assert cells["compressibility"].command == ""
    attacked = row(Collection(runs(report("itn", "etc"))))
    assert attacked["compressibility"].command == "ppattack compress --target etc"
    assert attacked["robustness"].command == ""


def test_the_command_has_the_scheme_s_settings_and_is_safe_in_a_shell() -> None:
    content = report(
        "itn",
        "mine",
        target_config={"edge": 4, "other": 1},
        provenance={"request": {"target": "my file.py:Mine; ls", "target_settings": {"edge": 4}}},
    )
    found = row(Collection(runs(content)), "mine")["accuracy"].command
    assert found == "ppattack classify --target 'my file.py:Mine; ls' --set target.edge=4"
    bare = classification("mine", config={"edge": 4, "on": True})
    assert row(Collection(classifications=[bare]), "mine")["robustness"].command == (
        "ppattack audit --target mine --set target.edge=4 --set target.on=true"
    )
    etc = as_dict(registry.target("etc")(block_size=4).config)
    assert len(etc) > 1
    rows = schemes(Collection(compressions=[compression("etc", ("png", 1.0), config=etc)]))
    assert rows[0].cells[0].command == "ppattack classify --target etc --set target.block_size=4"


def test_accuracy_is_the_best_last_epoch_beside_plain_with_the_same_model() -> None:
    found = [
        classification("etc", 0.80),
        classification("etc", 0.85),
        classification("plain", 0.90),
        classification("plain", 0.97, model="resnet-18"),
    ]
    cells = row(Collection(classifications=found))
    assert cells["accuracy"].lines == (
        "85.0 % (convmixer-256/8, digits 32x32), 5.0 points below plain",
    )
    plain = row(Collection(classifications=found), "plain")
    assert plain["accuracy"].lines == ("97.0 % (resnet-18, digits 32x32)",)


def test_another_model_s_gap_says_so_and_other_images_have_none() -> None:
    ours = classification("etc", 0.8, model="vit")
    other = classification("plain", 0.7)
    cells = row(Collection(classifications=[ours, other]))
    assert cells["accuracy"].lines == (
        "80.0 % (vit, digits 32x32), 10.0 points above plain (convmixer-256/8)",
    )
    cells = row(Collection(classifications=[ours, classification("plain", 0.7, edge=64)]))
    assert cells["accuracy"] == Requirement(
        ("80.0 % (vit, digits 32x32), gap to plain not measured",),
        "ppattack classify --target plain --model vit --data digits",
    )


def test_the_command_of_the_gap_is_the_run_s_own_with_plain_images() -> None:
    typed = ["__main__.py", "classify", "--target", "etc", "--no-plain", "--data", "folder:A B"]
    ours = classification("etc", provenance={"command": typed})
    found = row(Collection(classifications=[ours]))["accuracy"].command
    assert found == "ppattack classify --target etc --data 'folder:A B'"


def test_the_gap_is_to_plain_trained_as_long_where_there_is_one() -> None:
    ours = classification("etc", 0.5, epochs=10)
    long, short = classification("plain", 0.9, epochs=300), classification("plain", 0.6, epochs=10)
    cells = row(Collection(classifications=[ours, long, short]))
    assert cells["accuracy"].lines[0].endswith("10.0 points below plain")
    cells = row(Collection(classifications=[ours, long]))
    assert cells["accuracy"].lines[0].endswith("40.0 points below plain (300 epochs)")


def test_each_set_of_images_has_a_line_of_its_own() -> None:
    found = [
        classification("le", 0.7, data="b", adaptation="le"),
        classification("le", 0.9, data="a"),
        classification("le", 0.6, data="b"),
        classification("plain", 0.9, data="a"),
        classification("plain", 0.9, data="b"),
    ]
    cells = row(Collection(classifications=found), "le")
    assert [line.split("(")[0] for line in cells["accuracy"].lines] == ["90.0 % ", "70.0 % "]
    assert cells["no adaptation network"].lines == ("yes", "no: le")


@pytest.mark.parametrize(("adaptation", "words"), [("none", "yes"), ("ele", "no: ele")])
def test_the_best_run_decides_whether_an_adaptation_network_is_needed(
    adaptation: str, words: str
) -> None:
    found = [
        classification("etc", 0.9, adaptation=adaptation),
        classification("etc", 0.2, adaptation="le"),
        classification("etc", 0.1),
    ]
    assert row(Collection(classifications=found))["no adaptation network"].lines == (words,)


def test_robustness_is_the_strongest_attack_that_was_run() -> None:
    found = [
        report("fr", "etc", "RESISTED", gain=0.2),
        report("itn", "etc", "BROKEN", gain=0.1),
        report("gan", "etc", "BROKEN", gain=0.4),
        report("jigsaw", "etc", "INCONCLUSIVE", gain=0.9),
        report("fr", "pe", "BROKEN", gain=0.9),
    ]
    for order in (found, found[::-1]):
        lines = row(Collection(runs(*order)))["robustness"].lines
        assert lines == ("BROKEN: gan, ssim +0.400, the strongest of 4 runs",)
    one = row(Collection(runs(found[0])))["robustness"].lines
    assert one == ("nothing shown: fr, ssim +0.200",)


def test_no_attack_is_no_attack_and_an_audit_names_its_strongest() -> None:
    none = report("none", "etc", "INCONCLUSIVE", gain=0.0)
    assert row(Collection(runs(none)))["robustness"].command == "ppattack audit --target etc"
    parts = [report("audit", "etc", "BROKEN", gain=0.5), report("fr", "etc", "BROKEN", gain=0.3)]
    lines = row(Collection(runs(none, *parts)))["robustness"].lines
    assert lines == ("BROKEN: fr, ssim +0.300",)
    hidden = [parts[0], report("fr", "etc", "RESISTED", gain=0.0)]
    assert row(Collection(runs(*hidden)))["robustness"].lines[0].startswith("BROKEN: audit")


def test_compressibility_is_the_range_of_each_kind_of_codec() -> None:
    rows = [("jpeg-80-420", 1.01), ("jpeg-85-444", 1.2), ("png", 1.4), ("jpeg-ls", None)]
    cells = row(Collection(compressions=[compression("etc", *rows)]))
    assert cells["compressibility"].lines == (
        "lossy 1.010 (jpeg-80-420) to 1.200 (jpeg-85-444); lossless 1.400 (png), of plain files "
        "(photos 64x64)",
    )
    absent = row(Collection(compressions=[compression("etc", ("jpeg-ls", None))]))
    assert absent["compressibility"].command == "ppattack compress --target etc"


def test_large_inputs_are_the_largest_images_of_any_report() -> None:
    found = Collection(
        runs(report("fr", "etc")),
        [classification("etc", edge=96)],
        [compression("etc", ("png", 1.0), edge=96), compression("etc", ("png", 1.0), edge=64)],
    )
    assert row(found)["large inputs"].lines == ("96x96 pixels (classified, compressed)",)
    shown = row(Collection(runs(report("none", "etc"))))
    assert shown["large inputs"].lines == ("8x8 pixels (encrypted)",)


def test_plain_comes_first_and_settings_tell_namesakes_apart() -> None:
    found = Collection(
        classifications=[classification(name) for name in ("pe", "plain", "ele")],
        compressions=[
            compression("etc", ("png", 1.0), config={"block_size": size}) for size in (4, 16)
        ],
    )
    assert [scheme.label for scheme in schemes(found)] == [
        "plain",
        "ele",
        "etc (block_size=16)",
        "etc (block_size=4)",
        "pe",
    ]


def test_one_key_and_a_key_an_image_are_schemes_of_their_own() -> None:
    """Accuracy under one key per image says nothing of what withstands one key for all."""
    found = Collection(
        runs(report("fr", "pe")),
        [classification("pe", key_scope="image"), classification("plain", key_scope="image")],
        [compression("plain", ("png", 1.0))],
    )
    assert [scheme.label for scheme in schemes(found)] == [
        "plain",
        "pe (key scope=dataset)",
        "pe (key scope=image)",
    ]
    under_many = row(found, "pe (key scope=image)")
    assert under_many["robustness"].command == "ppattack audit --target pe --key-scope image"
    assert row(found, "pe (key scope=dataset)")["accuracy"].command == (
        "ppattack classify --target pe"
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A classification and a compression, and no attack."""
    keep(
        tmp_path / "runs",
        classification("etc", 0.9),
        classification("plain", 0.95),
        compression("etc", ("jpeg-85-420", 1.02)),
    )
    return tmp_path


def test_reports_without_any_attack_make_every_page(place: Path) -> None:
    code, out, errors = in_process("report runs --md - --latex t.tex --csv c.csv", place)
    assert (code, errors) == (0, "report: c.csv\nreport: t.tex\n")
    assert "| etc | 90.0 % (convmixer-256/8, digits 32x32), 5.0 points below plain |" in out
    assert "not measured: ppattack audit --target etc" in out
    latex = (place / "t.tex").read_text()
    assert latex.count("\\begin{tabular}") == latex.count("\\end{tabular}") == 1
    assert "etc & 90.0 \\% (convmixer-256/8, digits 32x32), 5.0 points below plain &" in latex
    assert "% not measured yet: ppattack audit --target etc" in latex
    assert len((place / "c.csv").read_text().splitlines()) == 1
    assert in_process("report runs", place)[0] == 0
    page = Page((place / "report.html").read_text())
    assert [head.text for head in page.all("h2")] == ["Requirements"]
    assert [code.text for code in page.all("code")].count("ppattack audit --target etc") == 1
    heads = [head.text for head in page.all("th")]
    assert heads == ["scheme", *REQUIREMENTS, "plain", "etc"]


def test_every_report_is_read_once_by_its_file_or_its_folder(place: Path) -> None:
    save(place / "runs", report("fr", "etc"))
    (hidden,) = (place / "runs").glob("compression-*")
    found = read_collection([place / "runs", hidden / "compression.json", hidden])
    counts = [len(found.runs), len(found.classifications), len(found.compressions)]
    assert counts == [1, 2, 1]
    single = read_collection([place / "runs" / "classification-0" / "classification.json"])
    assert [each.target.name for each in single.classifications] == ["etc"]
    hidden.rename(hidden.with_name("compress.partial"))
    assert not read_collection([place]).compressions


@pytest.mark.parametrize("name", ["classification", "compression"])
def test_a_damaged_report_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.json").write_text("{}")
    with pytest.raises(ReportError, match=f"{name}.json is not a "):
        read_collection([tmp_path])


def test_whatever_a_report_says_is_text() -> None:
    collection = Collection(
        runs(report(HOSTILE, HOSTILE)),
        [classification(HOSTILE, model=HOSTILE, data=HOSTILE, adaptation=HOSTILE)],
        [compression(HOSTILE, (HOSTILE, 1.0), data=HOSTILE)],
    )
    rows = schemes(collection)
    page = Page(report_html([], schemes=rows))
    assert not page.all("script", "img")
    assert page.all("th")[-1].text == HOSTILE
    assert HOSTILE not in report_markdown([], schemes=rows)


def test_nothing_breaks_out_of_a_latex_comment_or_a_markdown_row() -> None:
    spec = "x\n\\input{/etc/passwd}|"
    content = report("fr", "etc", provenance={"request": {"target": spec}})
    rows = schemes(Collection(runs(content)))
    for line in report_latex([], schemes=rows).splitlines():
        assert "passwd" not in line or line.startswith("%")
    lines = [line for line in report_markdown([], schemes=rows).splitlines() if "passwd" in line]
    assert len(lines) == 1
    assert lines[0].startswith("| etc |")


def test_a_row_is_all_that_a_page_needs() -> None:
    cells = tuple(Requirement((name,)) for name in REQUIREMENTS)
    page = Page(report_html([], schemes=[Scheme("mine", cells)]))
    assert [cell.text for cell in page.all("td")] == list(REQUIREMENTS)
