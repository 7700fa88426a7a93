from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest

from ppattack.config import Doc, Interval, as_dict, describe, resolve
from ppattack.errors import ConfigError


@dataclass(frozen=True)
class Sample:
    block_size: Annotated[int, Interval(ge=2, le=64), Doc("edge, pixels")] = 16
    variant: Annotated[Literal["paper", "ito"], Doc("which text")] = "paper"
    legacy_seed: int | None = None
    shuffle: bool = True


def test_text_becomes_the_type_of_the_field() -> None:
    made = resolve(Sample, {"block_size": "4", "shuffle": "false", "legacy_seed": "7"}, "here")
    assert made == Sample(4, "paper", 7, False)
    assert as_dict(made)["block_size"] == 4


@dataclass(frozen=True)
class Nothing:
    prior: Literal["public", "none"] = "public"
    epochs: Annotated[int | None, Interval(ge=1)] = 3


def test_none_is_nothing_unless_a_choice_has_that_name() -> None:
    assert resolve(Nothing, {"epochs": None}, "here").epochs is None
    assert resolve(Nothing, {"prior": None}, "here").prior == "none"
    assert resolve(Nothing, {"prior": "none"}, "here").prior == "none"
    with pytest.raises(ConfigError, match="block_size"):
        resolve(Sample, {"block_size": None}, "here")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"block_sise": 4}, "no setting 'block_sise'.*block_size"),
        ({"block_size": 1}, r"here\.block_size=1 is not valid.*greater than or equal to 2"),
        ({"block_size": "four"}, r"here\.block_size='four'"),
        ({"block_size": 4.5}, r"here\.block_size=4\.5"),
        ({"variant": "itoo"}, r"here\.variant='itoo'.*'paper' or 'ito'"),
        ({"shuffle": "perhaps"}, r"here\.shuffle"),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve(Sample, values, "here")


def test_description_shows_range_and_meaning() -> None:
    rows = {row["name"]: row for row in describe(Sample)}
    assert rows["block_size"]["range"] == "≥ 2, ≤ 64"
    assert rows["block_size"]["doc"] == "edge, pixels"
    assert rows["variant"]["type"] == "paper | ito"
    assert rows["legacy_seed"]["default"] is None
