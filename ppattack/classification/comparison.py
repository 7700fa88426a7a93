"""Classifiers of several schemes' ciphertexts beside one of plain images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ppattack.attack import Progress, SilentProgress
from ppattack.classification.experiment import resolve
from ppattack.classification.plan import PLAIN
from ppattack.classification.request import ClassifyRequest, LabelledImages
from ppattack.files import mark_results
from ppattack.reports.classification import ClassificationReport
from ppattack.runs.store import Finished

PATCH_EMBEDDING = "stem.0.weight"
"""The name of these weights in a ConvMixer."""


def compare(
    request: ClassifyRequest,
    targets: Mapping[str, Mapping[str, Any]],
    progress: Progress | None = None,
    *,
    plain: bool = True,
) -> list[Finished[ClassificationReport]]:
    """Train one classifier per target, all on the same images in the same order.

    Args:
        request: what all share; its target and target settings are replaced.
        targets: settings by registered name or ``path/to/file.py:Class``.
        progress: where progress is shown.
        plain: whether to begin with a classifier of plain images.

    Raises:
        PpattackError: if anything in the request is wrong; every target and classifier is checked
            before anything is trained.
    """
    images = LabelledImages(request)
    wanted = [
        replace(request, target=name, target_settings=settings)
        for name, settings in targets.items()
        if name != PLAIN
    ]
    if plain or PLAIN in targets:
        wanted.insert(0, replace(request, target=PLAIN, target_settings={}, key_scope=None))
    resolved = [resolve(each, images) for each in wanted]
    found = [each.find() for each in resolved]
    for each, done in zip(resolved, found, strict=True):
        if done is None:
            _ = each.plan  # refuses images that scheme or classifier do not take
    new = not request.out.exists()
    shown = progress or SilentProgress()
    finished = []
    for number, (each, done) in enumerate(zip(resolved, found, strict=True), start=1):
        shown.log(f"classifier {number} of {len(resolved)}: {each.request.target}")
        finished.append(done or each.train(progress))
    mark_results(request.out, ours=new)
    return finished


def draw_comparison(found: Sequence[Finished[ClassificationReport]]) -> Path | None:
    """Draw what the patch embeddings of ConvMixers look for, side by side.

    Args:
        found: classifications of one comparison.

    Returns:
        the figure, beside the folder of the last; None if none is a ConvMixer of images whose
        weights are still there.

    Raises:
        DataError: if the figure cannot be written.
    """
    from safetensors import SafetensorError, safe_open

    from ppattack.classification.run_folder import LAST
    from ppattack.images import CHANNELS
    from ppattack.render.embedding import draw_embeddings

    embeddings = {}
    for each in found:
        try:
            with safe_open(each.folder / LAST, framework="np") as file:
                if PATCH_EMBEDDING not in file.keys():  # noqa: SIM118
                    continue
                filters = file.get_tensor(PATCH_EMBEDDING)
        except (OSError, SafetensorError):  # weights of an earlier run, deleted since
            continue
        if filters.shape[1] in CHANNELS:
            embeddings[each.report.target.name] = filters
    if not embeddings:
        return None
    last = found[-1]
    path = last.folder.parent / f"embedding-{'-'.join(embeddings)}-{last.report.id}.png"
    draw_embeddings(path, embeddings)
    return path
