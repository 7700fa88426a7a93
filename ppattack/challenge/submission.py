"""A submission, written part by part: what is finished stays if the rest is interrupted."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ppattack.challenge import layout
from ppattack.data.token_files import write_tokens
from ppattack.errors import DataError
from ppattack.folders import check_new, new_folder, partial_place

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Matching:
    """The answer to the first part.

    Args:
        images: for each code's file the number of its image.
        expected_share: of right matches; None if it is not known.
        limits: why they may be wrong, in words that follow "but"; empty if nothing says so.
    """

    images: list[int]
    expected_share: float | None
    limits: str


@dataclass(frozen=True)
class Submission:
    """The folder of a submission.

    Args:
        folder: new, or one whose second part was interrupted.
        encoded_data_dir: the challenge's folder as the evaluation will name it.
        submission_dir: this folder as the evaluation will name it.
        task: identifies what is answered.
    """

    folder: Path
    encoded_data_dir: str
    submission_dir: str
    task: str

    def kept(self, count: int, candidates: int) -> Matching | None:
        """The first part as an interrupted run of the same task left it, or None.

        Args:
            count: codes.
            candidates: images.

        Raises:
            DataError: if there is none and the folder is not new.
        """
        try:
            said = layout.read_json(self._record)
            images = [int(image) for image in said["images"]]
            right = said["task"] == self.task and len(images) == len(set(images)) == count
            if right and not set(images) - set(range(candidates)) and self._has_first_alone():
                return Matching(images, said["expected_share"], str(said["limits"]))
        except (DataError, LookupError, TypeError, ValueError):
            pass
        check_new(self.folder)
        return None

    def write_first(self, matching: Matching, paths: Sequence[str], files: Sequence[Path]) -> None:
        """Write the first part, the folder with it, and what a later run needs to go on."""
        inside = PurePosixPath(self.encoded_data_dir, layout.CODES)
        named = {
            paths[image]: str(inside / file.name)
            for image, file in zip(matching.images, files, strict=True)
        }
        with new_folder(self.folder) as new:
            layout.write_json(new / layout.PREDICTIONS, named)
        said = {"task": self.task, **vars(matching)}
        layout.write_json(self._record, said)

    def write_second(self, paths: Sequence[str], vectors: Tensor) -> None:
        """Write the second part: a vector for every path.

        Args:
            paths: of the target images.
            vectors: their mean codes ``(N, D)``.
        """
        place = self.folder / layout.TARGETS
        shutil.rmtree(place, ignore_errors=True)
        with new_folder(place) as new:
            for i, vector in enumerate(vectors):
                write_tokens(new / f"{i}.npy", vector)
        inside = PurePosixPath(self.submission_dir, layout.TARGETS)
        named = {str(inside / f"{i}.npy"): path for i, path in enumerate(paths)}
        layout.write_json(self.folder / layout.TARGETS_DICT, named)

    def finish(self) -> None:
        """Remove what only a later run would have needed."""
        shutil.rmtree(self._record.parent, ignore_errors=True)

    @property
    def _record(self) -> Path:
        return partial_place(self.folder) / "matching.json"

    def _has_first_alone(self) -> bool:
        """Whether the folder holds a first part that was written here, and no second one."""
        names = {file.name for file in self.folder.iterdir()} if self.folder.is_dir() else set()
        return layout.PREDICTIONS in names and names <= {layout.PREDICTIONS, layout.TARGETS}
