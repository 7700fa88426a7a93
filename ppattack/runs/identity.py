"""The name of an experiment: the same for the same configuration, data and versions."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.config import as_dict
from ppattack.data.stack_files import is_stack, open_stack
from ppattack.data.windows import Window
from ppattack.errors import ConfigError, DataError
from ppattack.jpeg import Jpeg
from ppattack.plugins import registry
from ppattack.plugins.source import source_hash
from ppattack.runs import loaded, provenance, store
from ppattack.runs.inputs import load_images, owner_images, read_inputs
from ppattack.scenario import key_scope_of

if TYPE_CHECKING:
    from ppattack.attack import Attack
    from ppattack.data.image_files import NamedImages
    from ppattack.data.source import ImageSets, ImageSource
    from ppattack.request import RunRequest
    from ppattack.target.base import Target


def identity(
    request: RunRequest, attack: Attack, target: Target, entropy: bytes | None = None
) -> str:
    """12 hexadecimal digits: the same for the same configuration, data and versions.

    Images are not loaded for it, nor ciphertexts read, if hashes of their files tell them apart.

    Args:
        request: of the run.
        attack: the attack.
        target: the scheme.
        entropy: what the request says keys are drawn from, if not from its seed or new bits.

    Raises:
        PpattackError: for an unknown source, or a folder or an image that cannot be read.
    """
    threat, source = attack.requires(), None
    if request.data is not None:
        source = registry.dataset(request.data)
    facts = {
        "attack": [attack.card.name, as_dict(attack.config), source_hash(attack)],
        "target": [target.card.name, as_dict(target.config), source_hash(target)],
        "threat": [threat.in_words(), key_scope_of(target, request.key_scope)],
        "seed": request.seed,
        "lpips": request.lpips_net,
        "versions": provenance.versions(),
        "adversary": None if request.overlap else request.adversary,
        "gallery": request.gallery_size,
    }
    if named := [_content_of(file) for file in attack.files()]:
        facts["attack files"] = named
    if taught := [_of_other_images(name, request) for name in attack.sources()]:
        facts["attack images"] = taught
    if beside := [hashlib.sha256(file.read_bytes()).hexdigest() for file in target.files()]:
        facts["target files"] = beside
    if request.window is not None:
        facts["window"] = str(Window.read(request.window))
    if entropy is not None:
        facts["entropy"] = hashlib.sha256(entropy).hexdigest()
    elif request.isolated:
        facts["entropy"] = "new"
    if request.ciphertexts is None:
        facts["victims"] = [request.victims, request.size]
        if source is not None:
            facts["data"] = image_facts(
                source,
                lambda: load_images(
                    request, request.size, request.victims, threat.pairs, owner_images(target)
                ),
                labels=True,
            )
        if request.jpeg is not None:
            facts["jpeg"] = str(Jpeg.read(request.jpeg))
    else:
        facts["ciphertexts"], facts["truth"] = _file_facts(request, request.ciphertexts, target)
        if request.candidates is not None:
            facts["candidates"] = _folder_facts(request.candidates, photographs=True)
        if request.link is not None:
            facts["link"] = _folder_facts(request.link, photographs=False)
        if source is not None:
            folder = request.ciphertexts
            facts["data"] = image_facts(
                source,
                lambda: _public_images(request, folder, target),
                labels=threat.names_classes,
            )
    return store.identity(facts)


def _of_other_images(name: str, request: RunRequest) -> tuple[str, ...]:
    """Facts of a source that an attack's settings name."""
    from ppattack.solvers.global_state.others import WANTED

    if name == request.data:
        raise ConfigError(
            f"{name} is --data too, and would teach the attack what the attacked images look "
            "like: name a source without them, or leave the setting out."
        )
    source = registry.dataset(name)
    return image_facts(source, lambda: source.load(WANTED), labels=False)


def image_facts(
    source: ImageSource, load: Callable[[], ImageSets], *, labels: bool
) -> tuple[str, ...]:
    """What decides which images a source gives, with what is asked of it.

    Args:
        source: of the images.
        load: loads them, if their source cannot tell without.
        labels: whether classes count.

    Raises:
        PpattackError: if the images must be loaded and cannot be.
    """
    content = loaded.fingerprint(source, labels=labels)
    if content is None:
        sets = load()
        content = loaded.fingerprint(source, labels=labels)  # it may have been fetched just now
        if content is None:
            content = f"{sets.hash} {sets.label_hash if labels else ''}"
    return source.card.name, source.argument, source_hash(source), content


def _content_of(file: Path) -> str:
    """A hash of a file that the settings name."""
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}.") from None


def _file_facts(request: RunRequest, folder: Path, target: Target) -> tuple[str, str]:
    """Hashes of the ciphertexts' files and of those of their plain images."""
    from ppattack.data.fingerprint import of_files
    from ppattack.data.image_files import list_images
    from ppattack.data.token_files import list_tokens, read_ciphertexts

    cipher, truth = target.card.cipher, ""
    if request.truth is not None:
        truth = _folder_facts(request.truth, photographs=True)
    if is_stack(folder):
        return f"first {request.victims} of {_content_of_stack(folder)}", truth
    listed = list_images(folder) if cipher == "image" else list_tokens(folder)
    ciphertexts = of_files((file.name, file) for file in listed)
    if ciphertexts is None:
        ciphertexts = _hash(read_ciphertexts(folder, cipher))
    return ciphertexts, truth


def _folder_facts(folder: Path, *, photographs: bool) -> str:
    """A hash of the images of a folder: photographs, or ciphertexts."""
    from ppattack.data.fingerprint import of_files
    from ppattack.data.image_files import list_images, read_folder

    if is_stack(folder):
        return _content_of_stack(folder)
    found = of_files((file.name, file) for file in list_images(folder))
    return _hash(read_folder(folder, photographs=photographs)) if found is None else found


def _content_of_stack(path: Path) -> str:
    """A hash of the files of many images."""
    return "\n".join(_content_of(file) for file in open_stack(path, 0).files)


def _public_images(request: RunRequest, folder: Path, target: Target) -> ImageSets:
    _, _, public = read_inputs(request, folder, target)
    assert public is not None  # noqa: S101
    return public


def _hash(found: NamedImages) -> str:
    digest = hashlib.sha256(os.fsencode("\0".join(found.names)))
    digest.update(found.images.contiguous().numpy().data)
    return digest.hexdigest()
