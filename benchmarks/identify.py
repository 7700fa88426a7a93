"""How often ``ppattack identify`` is right: folders made in memory under fresh keys.

    python benchmarks/identify.py --files 1 20 --folders 50
    python benchmarks/identify.py --images cifar10/test --size 32 --files 1 20 --folders 200
    python benchmarks/identify.py --noise 1000
    python benchmarks/identify.py --mix 0.5 --files 20 --folders 2
    python benchmarks/identify.py --split train --bars --families le-4 etc-16

Without ``--images`` the folders are made of crops of the photographs in scikit-image: ``--split
train`` takes those on which bars may be set, ``--split test`` the others. ``--bars`` prints the
statistic of every property instead, its quantiles over folders, from which the bars were set.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from identify_folders import FAMILIES, NAMED_ONLY, Family, Images, compressed, cut_off, load

from ppattack.identify.reading import Read
from ppattack.reports.identification import Identification
from ppattack.runs.identifying import examined

JPEGS: dict[str, tuple[int, Literal["444", "420"]] | None] = {
    "none": None,
    "444": (75, "444"),
    "420": (75, "420"),
}
EVERY_FAMILY = {**FAMILIES, **NAMED_ONLY}
ENOUGH = 2
"""Files from which on there is a key scope to tell."""


def main() -> None:
    """Make folders, identify them and print what came of it."""
    asked = _arguments()
    images = load(asked.images, asked.size, asked.split)
    if asked.grey:
        images = images.mean(axis=1, keepdims=True).round().astype(np.uint8)
    rng = np.random.default_rng(asked.seed)
    if asked.noise:
        for how in asked.jpeg:
            noise(asked.noise, asked.files, images.shape[1:], how, rng)
        return
    if asked.mix:
        mixes(images, asked.mix, asked.files[0], asked.folders, rng)
        return
    rows: list[dict[str, Any]] = []
    names = asked.families or [
        name for name in FAMILIES if not (asked.grey and name in ("pe-colours", "etc-gray"))
    ]
    for count in asked.files:
        total: Counter[str] = Counter()
        properties: dict[str, Counter[str]] = defaultdict(Counter)
        for name in names:
            for how in asked.jpeg if name not in ("pad", "mask") else ["none"]:
                family = cut_off(EVERY_FAMILY[name], asked.cut)
                for scope in family.scopes if count >= ENOUGH else family.scopes[:1]:
                    row = cell(images, family, count, how, scope, asked.folders, rng, asked.bars)
                    rows.append(row)
                    total.update(row["right"])
                    for each, counted in row["properties"].items():
                        properties[each].update(counted)
        _print_total(count, total, properties)
    if asked.out:
        asked.out.write_text(json.dumps(rows, indent=1))


def cell(
    images: Images,
    family: Family,
    count: int,
    how: str,
    scope: Literal["dataset", "image"],
    folders: int,
    rng: np.random.Generator,
    bars: bool,
) -> dict[str, Any]:
    """One row: how many folders of a family were named right."""
    right: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    properties: dict[str, Counter[str]] = defaultdict(Counter)
    values: dict[str, list[float]] = defaultdict(list)
    jpeg, spent = JPEGS[how], 0.0
    for number in range(folders):
        chosen = images[rng.choice(len(images), count, replace=count > len(images))]
        drawn = scope if count >= ENOUGH else family.scopes[number % len(family.scopes)]
        made = family.make(chosen, drawn, rng)
        # A key may leave everything in place, as every 24th of four blocks does: that is plain.
        unchanged = np.array_equal(made, chosen)
        truth = FAMILIES["plain"] if unchanged else family
        if jpeg is not None:
            made = compressed(made, *jpeg)
        start = time.process_time()
        found = identified(made)
        spent += time.process_time() - start
        ok = judged(found, truth, jpeg, drawn, count)
        right.update({name: int(value) for name, value in ok.items()})
        right["folders"] += 1
        right["unchanged"] += int(unchanged)
        right["files named"] += int(bool(found.foreign))
        answers[_answer(found)] += 1
        for each in found.properties:
            if each.value is not None:
                values[each.name].append(each.value)
        for name, verdict in property_verdicts(found, truth, drawn, count).items():
            properties[name][verdict] += 1
    label = (
        f"{family.name} {'' if count < ENOUGH else scope} {'' if jpeg is None else f'JPEG {how}'}"
    )
    wrong = ", ".join(f"{name} {many}" for name, many in answers.most_common(4))
    print(
        f"N={count:<4}{label:36} all {right['all']}/{folders} scheme {right['scheme']} "
        f"block {right['block']} scope {right['scope']} jpeg {right['jpeg']}  "
        f"{1000 * spent / folders:.0f} ms | {wrong}"
        + (
            f" | {right['unchanged']} unchanged by their key"
            if right["unchanged"] and family.scheme != "plain"
            else ""
        )
        + (f" | files named in {right['files named']}" if right["files named"] else ""),
        flush=True,
    )
    if bars:
        for name, row in values.items():
            low, middle, high = np.quantile(row, [0.01, 0.5, 0.99])
            print(f"    {name:18} {low:9.3g} {middle:9.3g} {high:9.3g}")
    return {
        "family": family.name, "files": count, "scope": scope, "jpeg": how,
        "right": dict(right), "answers": dict(answers),
        "properties": {name: dict(counted) for name, counted in properties.items()},
    }  # fmt: skip


def identified(images: Images) -> Identification:
    """What is said of images in memory."""
    names = tuple(f"{i:05d}" for i in range(len(images)))
    shape = tuple(int(edge) for edge in images.shape[1:])
    return examined(Read(len(images), names, images, (), None, False, shape), "memory")[1]


def judged(
    found: Identification,
    family: Family,
    jpeg: tuple[int, str] | None,
    scope: str,
    count: int,
) -> dict[str, bool]:
    """What is right of scheme, block, scope and compression, and whether all are.

    Compression before the encryption cannot always be told from compression after it: where no
    file was compressed after it, any answer counts that does not claim "after".
    """
    wanted_scheme = family.scheme
    if family.name == "mask" and count < ENOUGH:
        wanted_scheme = "one-time-pad"  # one masked file is uniform: nobody can tell
    scheme, block = found.scheme == wanted_scheme, found.block_size == family.block_size
    keyed = count >= ENOUGH and family.name not in ("plain", "pad")
    right_scope = found.key_scope == scope if keyed else found.key_scope == "undecided"
    if jpeg is None:
        lattice = found.compression is None or found.compressed != "after the encryption"
    else:
        grey = found.shape[0] == 1
        wanted = str(jpeg[0]) if grey else f"{jpeg[0]}:{jpeg[1]}"
        lattice = found.compression == wanted
        if family.name == "plain" and found.compression is not None:  # its source was compressed
            lattice = found.compression.startswith(str(jpeg[0]))
    every = scheme and block and right_scope and lattice
    return {
        "scheme": scheme, "block": block, "scope": right_scope, "jpeg": lattice, "all": every,
        "scheme and block": scheme and block,
        "false one key": found.key_scope == "dataset" and scope == "image" and count >= ENOUGH,
    }  # fmt: skip


def property_verdicts(
    found: Identification, family: Family, scope: str, count: int
) -> dict[str, str]:
    """``right``, ``wrong`` or ``undecided`` by property."""
    truth = dict(family.truth)
    if count >= ENOUGH and family.name not in ("plain", "pad"):
        truth["key-scope"] = scope
    made = {}
    for each in found.properties:
        if each.name in truth:
            said = each.what if each.name in ("unit", "key-scope") else each.answer
            undecided = each.answer == "undecided"
            made[each.name] = (
                "undecided" if undecided else "right" if said == truth[each.name] else "wrong"
            )
    return made


def noise(
    folders: int, files: list[int], shape: tuple[int, ...], how: str, rng: np.random.Generator
) -> None:
    """How often something is claimed of one-time pads."""
    jpeg = JPEGS[how]
    for count in files:
        claimed: Counter[str] = Counter()
        for _ in range(folders):
            made = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
            found = identified(made if jpeg is None else compressed(made, *jpeg))
            claimed[_answer(found)] += 1
        after = "" if jpeg is None else f" after JPEG {how}"
        print(f"N={count}: {folders} folders of noise{after}: {dict(claimed)}", flush=True)


MIXED = (
    "plain", "pe", "le-4", "le-8", "ele-4", "etc-4", "etc-8", "etc-16", "patch-shuffle-8",
    "vit-blocks-8", "block-defence-np", "whole-bytes", "pad", "mask",
)  # fmt: skip


def mixes(images: Images, share: float, count: int, folders: int, rng: np.random.Generator) -> None:
    """What is said of folders of two families, so much of them of the first, every pair."""
    total: Counter[str] = Counter()
    for first, second in combinations(MIXED, 2):
        said: Counter[str] = Counter()
        for number in range(folders):
            chosen = images[rng.choice(len(images), count, replace=False)]
            cut = round(share * count)
            made = []
            for name, part in ((first, chosen[:cut]), (second, chosen[cut:])):
                scopes = FAMILIES[name].scopes
                made.append(FAMILIES[name].make(part, scopes[number % len(scopes)], rng))
            order = rng.permutation(count)
            found = identified(np.concatenate(made)[order])
            mixed = any(each.name == "mixed" for each in found.properties)
            named = f" and {len(found.foreign)} named" if found.foreign else ""
            said["a mix" if mixed else _answer(found) + named] += 1
            odd = {f"{i:05d}" for i in np.flatnonzero(order >= cut)}
            exactly = "they" if {each.name for each in found.foreign} == odd else "others"
            total["a mix" if mixed else f"{exactly} named" if named else "none named"] += 1
            kept = (found.scheme, found.block_size) == _truth(first)
            total["scheme and block of the first"] += not mixed and kept
        print(f"{first} and {second}: {dict(said)}", flush=True)
    print(f"{share:.0%} of the first, {count} files: {dict(total)}")


def _truth(name: str) -> tuple[str | None, int | None]:
    return FAMILIES[name].scheme, FAMILIES[name].block_size


def _answer(found: Identification) -> str:
    if found.scheme is None:
        content = next(each for each in found.properties if each.name == "content")
        return f"unknown: {content.what}"
    return found.scheme + (f" {found.block_size}" if found.block_size else "")


def _print_total(count: int, total: Counter[str], properties: dict[str, Counter[str]]) -> None:
    folders = total["folders"]
    shares = ", ".join(
        f"{name} {total[name] / folders:.4f}"
        for name in (
            "all",
            "scheme and block",
            "scheme",
            "block",
            "scope",
            "jpeg",
            "false one key",
            "files named",
        )
    )
    print(f"N={count}: {folders} folders: {shares}")
    for name, counted in properties.items():
        answered = counted["right"] + counted["wrong"]
        print(
            f"    {name:18} {counted['right']}/{answered} right, {counted['undecided']} undecided, "
            f"wrong {counted['wrong'] / max(answered, 1):.4f}"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--images", type=Path, help="folder of images, or an NPY file of them")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--split", choices=("train", "test"), default="test")
    parser.add_argument("--files", type=int, nargs="+", default=[1, 20])
    parser.add_argument("--folders", type=int, default=20)
    parser.add_argument("--families", nargs="+", choices=tuple(EVERY_FAMILY))
    parser.add_argument("--jpeg", nargs="+", choices=tuple(JPEGS), default=["none"])
    parser.add_argument("--grey", action="store_true")
    parser.add_argument("--cut", type=int, default=0, help="pixels cut off, so that no grid fits")
    parser.add_argument("--mix", type=float, default=0, help="folders of two families instead")
    parser.add_argument("--noise", type=int, default=0, help="folders of noise instead")
    parser.add_argument("--bars", action="store_true", help="quantiles of every statistic")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="the rows, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
