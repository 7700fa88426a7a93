"""Classifiers of several schemes' ciphertexts beside one of plain images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ppattack import registry
from ppattack.attack import Progress, SilentProgress
from ppattack.classification.experiment import Classified, ClassifyRequest, classify
from ppattack.classification.plan import PLAIN


def compare(
    request: ClassifyRequest,
    targets: Sequence[str],
    progress: Progress | None = None,
    *,
    plain: bool = True,
) -> list[Classified]:
    """Train one classifier a target, each on the same images in the same order.

    Args:
        request: of each, but for the target; its settings are for all of them.
        targets: registered names or ``path/to/file.py:Class``.
        progress: where progress is shown.
        plain: whether to begin with a classifier of images as they are.

    Raises:
        PpattackError: for whatever the request has wrong; names and settings are looked at before
            anything is trained.
    """
    for name in targets:
        registry.target(name)(**request.target_settings)
    wanted = [replace(request, target=name) for name in dict.fromkeys(targets) if name != PLAIN]
    if plain or PLAIN in targets:
        wanted.insert(0, replace(request, target=PLAIN, target_settings={}))
    found = []
    for number, each in enumerate(wanted, start=1):
        shown = progress or SilentProgress()
        shown.log(f"classifier {number} of {len(wanted)}: {each.target}")
        found.append(classify(each, progress))
    return found
