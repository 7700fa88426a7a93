"""The rules by which the challenge's authors export codes and evaluate submissions.

Written anew from a description of their program: dictionaries are keyed by whole paths, joined
from the folders that it is told; of part 1 only the answers count that are there, of part 2 only
the targets that are named; a cache of mean codes, a pickle, is left among the vectors.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from posixpath import join

import numpy as np

from ppattack.challenge import layout
from ppattack.challenge.generate import Wish, generate
from ppattack.context import SilentProgress

CODES, TARGETS = "private_encoded_dataset", "challenge_2_target_dataset"


def made(folder: Path, settings: Mapping[str, object], *, targets: int, size: int = 32) -> None:
    """A challenge of the folder's ``images``, in its ``challenge`` and ``gold``."""
    wish = Wish(
        images=folder / "images",
        out=folder / "challenge",
        gold=folder / "gold",
        size=size,
        count=None,
        targets=targets,
        seed=1,
        target_settings=settings,
    )
    generate(wish, SilentProgress())


def export(made: Path, folder: Path) -> Path:
    """Turn a challenge made here, with its answers, into what the published export leaves.

    Args:
        made: holds ``challenge`` and ``gold``.
        folder: new; both kinds of codes, both lists, and one dictionary of whole paths.
    """
    folder.mkdir()
    paths = {}
    for name, whence, gold, listed in (
        (TARGETS, made / "gold", layout.GOLD_TARGETS, layout.TARGETS_LIST),
        (CODES, made / "challenge", layout.GOLD, layout.CODES_LIST),
    ):
        (folder / name).mkdir()
        for path, file in layout.read_dictionary(made / "gold" / gold).items():
            place = join(folder, name, file)
            Path(place).write_bytes((whence / name / file).read_bytes())
            paths[path] = place
        (folder / listed).write_text((made / "challenge" / listed).read_text())
    (folder / "path_dict.json").write_text(json.dumps(paths))
    return folder


def first_part(encoded_data_dir: str, submission_dir: str) -> tuple[int, int]:
    """Right answers and answers of the first part."""
    found = _read(join(submission_dir, "parallel_data_predictions.json"))
    gold = _read(join(encoded_data_dir, "path_dict.json"))
    right = [file == gold[path] for path, file in found.items() if path in gold]
    return sum(right), len(right)


def second_part(encoded_data_dir: str, submission_dir: str) -> tuple[int, int]:
    """Right answers and answers of the second part.

    Raises:
        KeyError: for a vector whose file is not named as the program names it.
    """
    named = _read(join(submission_dir, "out_of_domain_npy_path_to_orig_path_dict.json"))
    gold = _read(join(encoded_data_dir, "path_dict.json"))
    files, vectors = _means(join(submission_dir, TARGETS), mean=False)
    right = []
    for path in (path for path in gold if path in set(named.values())):
        code = np.load(gold[path], allow_pickle=False).mean(axis=0)
        nearest = files[int(((vectors - code) ** 2).mean(axis=1).argmin())]
        right.append(named[nearest] == path)
    return sum(right), len(right)


def leave_cache(folder: Path) -> None:
    """What the published matching leaves among the codes that it compares with."""
    _means(str(folder), mean=True)


def _means(folder: str, *, mean: bool) -> tuple[list[str], np.ndarray]:
    names = [file.name for file in Path(folder).iterdir() if "npy" in file.name]
    files = [join(folder, name) for name in names if name != "image_means.npy"]
    arrays = [np.load(file, allow_pickle=False) for file in files]
    vectors = np.array([array.mean(axis=0) if mean else array for array in arrays])
    with Path(folder, "image_means.npy").open("wb") as cache:
        pickle.dump((files, vectors), cache)
    return files, vectors


def _read(path: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(Path(path).read_text())
    return found
