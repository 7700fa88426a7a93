"""File sizes of plain and encrypted images: a request, measured into one folder per target.

``runs/compress-<target>-<id>/``; as in attacks, the same id is the same experiment, so that a
finished one is reused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppattack.attack import Progress, ProgressTask, SilentProgress
from ppattack.compression import codecs as codec_choice
from ppattack.compression.codecs import Codec
from ppattack.compression.request import CompressionRequest
from ppattack.config import as_dict
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.data.windows import Window
from ppattack.errors import ConfigError, NotInvertible
from ppattack.files import write_text
from ppattack.plugins import registry
from ppattack.plugins.source import source_hash
from ppattack.reports.compression import (
    FILE,
    CompressionData,
    CompressionReport,
    read_compression,
    sizes_csv,
)
from ppattack.reports.run import TargetPart
from ppattack.request import check_common
from ppattack.runs import provenance
from ppattack.runs.identity import image_facts
from ppattack.runs.loaded import source_for
from ppattack.runs.store import Fill, Finished, Store, identity
from ppattack.scenario import key_scope_of
from ppattack.seeding import numpy_stream
from ppattack.target import contract
from ppattack.target.base import generate_scoped_key
from ppattack.target.calls import decrypt, encrypt
from ppattack.target.trained import refuse_untrained

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.compression.measure import Measured, PlainImages
    from ppattack.images import ImageShape
    from ppattack.target.base import Target
    from ppattack.target.key import Key


COMPRESSIONS = Store(FILE, read_compression)


def compress(
    request: CompressionRequest, progress: Progress | None = None
) -> list[Finished[CompressionReport]]:
    """Measure every target of a request, or find it finished.

    Args:
        request: what to measure.
        progress: where progress is shown; None shows nothing.

    Returns:
        one per target, in their order.

    Raises:
        PpattackError: if anything in the request is wrong, before anything is measured; nothing
            half-written stays behind.
        RunFailed: if a lossless codec changes an image.
    """
    chosen = _codecs(request)
    targets = [_target(request, name) for name in request.targets]
    for target in targets:
        refuse_untrained(target)
    images = _Images(request)
    names = [_identity(request, target, images, chosen) for target in targets]
    folders = [
        request.out / f"compress-{target.card.name}-{name}"
        for target, name in zip(targets, names, strict=True)
    ]
    found = [None if request.force else COMPRESSIONS.find(folder) for folder in folders]
    for target, done in zip(targets, found, strict=True):
        if done is None:
            contract.check(target, images.shape, key_scope_of(target, request.key_scope))
    shown = progress or SilentProgress()
    return [
        done or _make(request, target, images, chosen, name, folder, shown)
        for target, name, folder, done in zip(targets, names, folders, found, strict=True)
    ]


def _codecs(request: CompressionRequest) -> tuple[Codec, ...]:
    if request.codecs is not None:
        return codec_choice.named_codecs(request.codecs)
    if len(set(request.qualities)) < len(request.qualities):
        raise ConfigError("every JPEG quality must be named once.")
    return codec_choice.all_codecs(request.qualities)


def _target(request: CompressionRequest, name: str) -> Target:
    """The target of a name, refused if it has no ciphertexts that a codec could take."""
    settings = {**request.target_settings, **request.own_settings.get(name, {})}
    target = registry.target(name)(**settings)
    key_scope_of(target, request.key_scope)
    if target.card.cipher != "image":
        raise ConfigError(
            f"target '{target.card.name}' makes tokens, not images: no image codec takes its "
            "ciphertexts. Leave it out."
        )
    return target


class _Images:
    """The images of a request, loaded once they are needed."""

    def __init__(self, request: CompressionRequest) -> None:
        if request.images < 1:
            raise ConfigError(f"-n {request.images} is not valid: it must be at least 1.")
        check_common(None, request.size, request.out)
        self._wanted = ImageRequest(
            victims=request.images,
            adversary=0,
            size=request.size,
            seed=request.seed,
            download=request.download,
            window=Window.given(request.window),
        )
        self._source = source_for(request.data, self._wanted)

    @cached_property
    def sets(self) -> ImageSets:
        return self._source.load(self._wanted)

    @cached_property
    def plain(self) -> PlainImages:
        from ppattack.compression.measure import PlainImages

        return PlainImages(self.sets.victims)

    @property
    def shape(self) -> ImageShape:
        channels, height, width = self.sets.victims.shape[1:]
        return int(channels), int(height), int(width)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What decides which images these are."""
        return {
            "source": image_facts(self._source, lambda: self.sets, labels=False),
            "wanted": [self._wanted.victims, self._wanted.size],
            **({} if self._wanted.window is None else {"window": str(self._wanted.window)}),
        }


def _make(
    request: CompressionRequest,
    target: Target,
    images: _Images,
    chosen: Sequence[Codec],
    name: str,
    folder: Path,
    progress: Progress,
) -> Finished[CompressionReport]:
    scope, shape, plain = key_scope_of(target, request.key_scope), images.shape, images.plain.images

    def work(_: Path) -> tuple[CompressionReport, Fill]:
        key = generate_scoped_key(target, shape, scope, request.seed, "key", len(plain))
        generator = numpy_stream(request.seed, "encryption")
        ciphertexts = encrypt(target, plain, key, generator)
        obstacle = _round_trip_obstacle(target, ciphertexts, key)
        known = None if obstacle else key
        found = _measured(request, target, images.plain, ciphertexts, known, chosen, progress)
        sets = images.sets
        report = CompressionReport(
            id=name,
            target=TargetPart(
                name=target.card.name,
                config=as_dict(target.config),
                key_space_bits=target.key_space_bits(shape),
            ),
            data=CompressionData(
                name=sets.name,
                hash=sets.hash,
                shape=shape,
                images=len(plain),
                notes=list(sets.notes),
            ),
            key_scope=scope,
            ciphertext_shape=(
                ciphertexts.shape[1],
                ciphertexts.shape[2],
                ciphertexts.shape[3],
            ),
            codecs=[each.row for each in found],
            round_trip_absent=obstacle,
            provenance=_provenance(request, key),
        )
        return report, lambda new: _fill(new, found, len(plain))

    return COMPRESSIONS.make(folder, work)


def _measured(
    request: CompressionRequest,
    target: Target,
    plain: PlainImages,
    ciphertexts: Tensor,
    key: Key | None,
    chosen: Sequence[Codec],
    progress: Progress,
) -> list[Measured]:
    """Every codec; without a key there is no round trip."""
    from ppattack.compression.measure import measure

    undo = None if key is None else partial(decrypt, target, key=key)
    found = []
    for codec in chosen:
        with progress.task(f"{target.card.name}: {codec.name}", 2 * len(ciphertexts)) as task:
            tick = _counting(task)
            found.append(measure(codec, plain, ciphertexts, undo, request.seed, tick))
    return found


def _counting(task: ProgressTask) -> Callable[[], None]:
    """Moves the bar by one image per call."""
    numbers = count(1)
    return lambda: task.update(next(numbers))


def _round_trip_obstacle(target: Target, ciphertexts: Tensor, key: Key) -> str | None:
    """Why there is no decryption, or None."""
    try:
        decrypt(target, ciphertexts, key)
    except NotInvertible as error:
        return str(error)
    return None


def _identity(
    request: CompressionRequest, target: Target, images: _Images, chosen: Sequence[Codec]
) -> str:
    """12 hexadecimal digits: the same for the same configuration, data and versions."""
    return identity(
        {
            "target": [target.card.name, as_dict(target.config), source_hash(target)],
            "data": images.facts,
            "key scope": key_scope_of(target, request.key_scope),
            "seed": request.seed,
            "codecs": [codec.name for codec in chosen],
            "versions": [provenance.versions(), codec_choice.versions()],
        }
    )


def _provenance(request: CompressionRequest, key: Key) -> dict[str, Any]:
    import torch

    return {
        **provenance.collect(torch.device("cpu"), request.seed),
        "codec_versions": codec_choice.versions(),
        "key_fingerprint": key.fingerprint,
        "request": json.loads(json.dumps(as_dict(request), default=str)),
    }


def _fill(folder: Path, found: Sequence[Measured], images: int) -> None:
    """Write the sizes of every image into a new folder."""
    columns = {}
    for each in found:
        if each.row.absent is None:
            columns[f"{each.row.codec}.plain"] = each.plain
            columns[f"{each.row.codec}.encrypted"] = each.encrypted
    write_text(folder / "sizes.csv", sizes_csv(columns, images))
