"""The owner of a trained scheme: a classifier, then the network that hides images from people.

Finished keys are kept in the user's cache (``XDG_CACHE_HOME``, or ``.cache`` in the home folder),
so that several attacks on the same images train a scheme once. They are never kept if the run's
keys come from random bits, as those of isolated attacks do.

Reference: Ito, Kinoshita, AprilPyone, Kiya, "Image to Perturbation", IEEE Access 9, 2021.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from ppattack import images as image_ops
from ppattack.config import as_dict
from ppattack.errors import DataError, KeyFileError, MetricUnavailable
from ppattack.files import write_bytes
from ppattack.networks.resnet import CifarResNet, cifar_resnet
from ppattack.target.key import Key
from ppattack.target.trained import OwnerImages, OwnerTraining, TrainedTarget, parts_of
from ppattack.training.cache import user_cache
from ppattack.training.fit import TrainingData, fit, frozen, seeded
from ppattack.training.recipe import Recipe

if TYPE_CHECKING:
    from ppattack.attack import Context

MOMENTUM, WEIGHT_DECAY = 0.9, 5e-4
MILESTONES, DECAY = (0.3, 0.6, 0.8), 0.2
"""Shares of the epochs after which the published rate is multiplied, and the factor."""
VALIDATION = 0.1
SHIFT = 4
"""Pixels by which training images are shifted, at most."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Those of ImageNet, by which both networks' inputs are normalised."""
VGG_WIDTHS = (64, 64, None, 128, 128)
"""Convolutions up to the second stage of VGG16; None for a pooling."""


def trained_key(
    target: TrainedTarget, key: Key, owner: OwnerImages, context: Context, *, cached: bool
) -> Key:
    """The key after its owner's training.

    Args:
        target: the scheme.
        key: with initial weights.
        owner: images and their classes.
        context: device, seed of the owner, progress; its checkpoints are not used.
        cached: whether a finished key may be read from the user's cache, and kept there.

    Raises:
        DataError: for fewer than two classes.
        MetricUnavailable: if VGG16 is needed and there are no weights.
        RunFailed: if a training diverges.
    """
    if owner.classes < 2:
        raise DataError(
            f"the owner of '{target.card.name}' trains a classifier and needs images of two "
            "classes at least: use a source with classes, for example --data digits or cifar10."
        )
    folder = user_cache("trained") / _name(target, key, owner, context) if cached else None
    if folder is not None and (found := _kept(folder, key)) is not None:
        return found
    plan = target.owner_training()
    working = replace(context, checkpoints=folder, pictures=None)
    classifier = _classifier(plan, owner, working)
    network = target.loaded(key).requires_grad_(True)
    loss = _Loss(plan, classifier, context.device)
    data = TrainingData(owner.images, owner.labels)
    recipe = _recipe(plan, plan.network_rate)
    fit(network, data, loss, recipe, working, "owner-network", _moved)
    made = Key(key.scheme, key.image_shape, parts_of(network))
    if folder is not None:
        _keep(folder, made, context)
    return made


def _classifier(plan: OwnerTraining, owner: OwnerImages, context: Context) -> CifarResNet:
    channels = owner.images.shape[1]
    network = seeded(
        lambda: cifar_resnet(
            channels, owner.classes, plan.classifier_blocks, plan.classifier_width
        ),
        context,
        "owner-classifier",
    )

    def loss(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        logits = network(normalised(image_ops.to_float(images)))
        return functional.cross_entropy(logits.float(), labels)

    data = TrainingData(owner.images, owner.labels)
    recipe = _recipe(plan, plan.classifier_rate)
    fit(network, data, loss, recipe, context, "owner-classifier", _moved)
    return network


class _Loss:
    """Cross-entropy on what the network makes, less the weighted distance of features."""

    def __init__(self, plan: OwnerTraining, classifier: CifarResNet, device: torch.device) -> None:
        self.weight, self.classifier = plan.weight, classifier
        by_vgg = plan.features == "vgg16"
        self.features = vgg_features(device) if by_vgg else classifier.first_stage

    def __call__(self, network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        with frozen(self.classifier):
            plain = image_ops.to_float(images)
            hidden = normalised(network(plain).sigmoid())
            logits = self.classifier(hidden)
            with torch.no_grad():
                seen = self.features(normalised(plain))
            apart = functional.mse_loss(self.features(hidden).float(), seen.float())
        return functional.cross_entropy(logits.float(), labels) - self.weight * apart


def vgg_features(device: torch.device) -> nn.Module:
    """VGG16 up to and with the second rectifier of its second stage, with ImageNet's weights.

    Raises:
        MetricUnavailable: if there are no weights; they are those that LPIPS finds.
    """
    from ppattack.metrics.lpips_weights import find_weights, nothing_found, read_weights

    found = find_weights("vgg")
    if found is None:
        raise MetricUnavailable(nothing_found("vgg"))
    layers: list[nn.Module] = []
    before = 3
    for width in VGG_WIDTHS:
        if width is None:
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
        before = width
    network = nn.Sequential(*layers)
    state = {name.removeprefix("features."): x for name, x in read_weights("vgg", found).items()}
    network.load_state_dict({name: state[name] for name in network.state_dict()})
    return network.to(device).eval().requires_grad_(False)


def normalised(values: Tensor) -> Tensor:
    """Images in [0, 1] as classifiers of ImageNet take them; grey ones as three equal channels."""
    values = values.expand(-1, len(MEAN), -1, -1)
    mean, deviation = (
        torch.tensor(x, device=values.device)[:, None, None] for x in (MEAN, DEVIATION)
    )
    return (values - mean) / deviation


def _moved(images: Tensor, labels: Tensor, stream: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each image mirrored or not, then shifted, with black at its borders."""
    count, _, height, width = images.shape
    mirror = torch.rand(count, generator=stream) < 0.5
    down, right = torch.randint(0, 2 * SHIFT + 1, (2, count), generator=stream)
    turned = torch.where(mirror.to(images.device)[:, None, None, None], images.flip(3), images)
    padded = functional.pad(turned, (SHIFT,) * 4)
    rows = (down[:, None] + torch.arange(height)).to(images.device)
    columns = (right[:, None] + torch.arange(width)).to(images.device)
    each = torch.arange(count, device=images.device)[:, None, None]
    return padded[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2), labels


def _recipe(plan: OwnerTraining, rate: float) -> Recipe:
    steps = tuple(math.ceil(share * plan.epochs) for share in MILESTONES)
    return Recipe(
        epochs=plan.epochs,
        batch_size=plan.batch_size,
        optimizer="sgd",
        learning_rate=rate,
        momentum=MOMENTUM,
        weight_decay=WEIGHT_DECAY,
        schedule="multistep" if plan.schedule == "published" else "one-cycle",
        milestones=steps,
        decay=DECAY,
        validation_share=VALIDATION,
    )


def _name(target: TrainedTarget, key: Key, owner: OwnerImages, context: Context) -> str:
    facts = {
        "target": [target.card.name, as_dict(target.config), asdict(target.owner_training())],
        "key": key.fingerprint,
        "seed": context.seed,
        "classes": owner.classes,
        "device": context.device.type,
        "torch": torch.__version__,
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for tensor in (owner.images, owner.labels):
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()[:16]


def _kept(folder: Path, like: Key) -> Key | None:
    """The finished key of a training, if there is one that can be read."""
    try:
        found = Key.from_bytes((folder / "key").read_bytes())
    except (OSError, KeyFileError):
        return None
    same = found.scheme == like.scheme and found.parts.keys() == like.parts.keys()
    return found if same and found.image_shape == like.image_shape else None


def _keep(folder: Path, key: Key, context: Context) -> None:
    """Write a finished key, and remove the checkpoints; a cache that cannot be written is none."""
    try:
        write_bytes(folder / "key", key.to_bytes(), private=True)
        for checkpoint in folder.glob("owner-*.safetensors"):
            checkpoint.unlink()
    except (OSError, DataError) as error:
        context.progress.log(f"the trained key cannot be kept in {folder}: {error}")
