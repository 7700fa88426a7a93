"""Schemes whose key is a network that its owner trains on images of its own."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from typing_extensions import override

from ppattack import images as image_ops
from ppattack.errors import ConfigError, KeyFileError
from ppattack.images import ImageShape
from ppattack.seeding import torch_stream
from ppattack.target.base import Draw, Target
from ppattack.target.key import Key, Parts

if TYPE_CHECKING:
    from torch import Tensor, nn

COUNTERS = "num_batches_tracked"
"""State of normalisation layers that no output depends on."""


@dataclass(frozen=True)
class OwnerImages:
    """What the owner of a scheme trains it on.

    Args:
        images: ``(K, C, H, W)`` uint8, neither the victims' nor the adversary's.
        labels: ``(K,)`` int64, the index of each image's class.
        classes: how many classes there are.
    """

    images: Tensor
    labels: Tensor
    classes: int


@dataclass(frozen=True)
class OwnerTraining:
    """How an owner trains: a classifier first, then the network that hides images from people.

    The network minimises the cross-entropy of the frozen classifier on what it makes, less
    ``weight`` times the mean squared distance between the features of its output and its input.

    Args:
        images: the owner's.
        classifier_blocks: residual blocks in each of the classifier's three stages.
        classifier_width: features of its first stage.
        features: whose distance grows: the second stage of ``vgg16``, or the first stage of the
            ``classifier`` itself.
        weight: of that distance.
        epochs: passes over the images, for either network.
        batch_size: images per step.
        classifier_rate: learning rate of the classifier, at the start or at the peak.
        network_rate: likewise of the network.
        schedule: ``published`` steps (0.2 after 30, 60 and 80 % of the epochs), or ``one-cycle``.
    """

    images: int
    classifier_blocks: int
    classifier_width: int
    features: Literal["vgg16", "classifier"]
    weight: float
    epochs: int
    batch_size: int
    classifier_rate: float
    network_rate: float
    schedule: Literal["published", "one-cycle"]


class TrainedTarget(Target):
    """A scheme whose key is the weights of a network, image by image.

    :meth:`generate_key` draws the initial weights. A run trains them on the owner's images, which
    are neither the victims' nor the adversary's, before it encrypts anything. An adversary with
    keys of its own would have to train them too, so no attack gets own keys.
    """

    @abstractmethod
    def network(self, image_shape: ImageShape) -> nn.Module:
        """The network with random weights: logits ``(N, C, H, W)`` of float images in [0, 1]."""

    @abstractmethod
    def owner_training(self) -> OwnerTraining:
        """How its owner trains it."""

    @abstractmethod
    def published(self, outputs: Tensor) -> Tensor:
        """Ciphertexts uint8 from the network's outputs in (0, 1)."""

    @override
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """Every weight and statistic of the untrained network, float32."""
        import torch

        stream = torch_stream(draw("weights").bytes(32))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.set_state(stream.get_state())
            made = self.network(image_shape)
        return parts_of(made)

    def loaded(self, key: Key) -> nn.Module:
        """The network of a key, on the CPU, in evaluation mode, without gradients.

        Raises:
            KeyFileError: if its parts are not those of this scheme and its settings.
        """
        import torch

        with torch.device("meta"):
            made = self.network(key.image_shape)
        wanted = {name for name in made.state_dict() if not name.endswith(COUNTERS)}
        try:
            state = {name: torch.from_numpy(np.array(part)) for name, part in key.parts.items()}
            if any(tensor.dtype != torch.float32 for tensor in state.values()):
                raise TypeError("parts that are not float32")
            if state.keys() != wanted:
                raise TypeError("parts of other names")
            made.to_empty(device="cpu").load_state_dict(state, strict=False)
        except (RuntimeError, TypeError) as error:
            why = str(error).splitlines()[-1].strip()
            raise KeyFileError(
                f"the key is not one of '{key.scheme}' with these settings ({why}): name the "
                "settings that it was made with."
            ) from None
        return made.eval().requires_grad_(False)

    @override
    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """Pass images through the network, one by one; see :meth:`Target.encrypt`."""
        import torch

        image_ops.check(images, "plain images")
        self.check_key(images, key, key.image_shape)
        network = self.loaded(key).to(images.device)
        out = torch.empty_like(images, memory_format=torch.contiguous_format)
        with torch.no_grad():
            for i in range(len(images)):
                values = image_ops.to_float(images[i : i + 1].contiguous())
                out[i : i + 1] = self.published(network(values).sigmoid())
        return out


def parts_of(network: nn.Module) -> Parts:
    """Key parts: weights and statistics of a network, float32, on the CPU."""
    return {
        name: tensor.detach().float().cpu().contiguous().numpy().copy()
        for name, tensor in network.state_dict().items()
        if not name.endswith(COUNTERS)
    }


def refuse_untrained(target: Target) -> None:
    """Refuse a scheme that needs an owner's images where there are none.

    Raises:
        ConfigError: in one line.
    """
    if isinstance(target, TrainedTarget):
        raise ConfigError(
            f"'{target.card.name}' is a network that its owner trains, which only ppattack run and "
            "audit do: name another target here."
        )
