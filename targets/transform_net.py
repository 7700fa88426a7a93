"""Image to Perturbation: a trained network hides images from people, not from a classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from typing_extensions import override

from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.errors import NotInvertible
from ppattack.target import ImageShape, Key, OwnerTraining, TargetCard, TrainedTarget

if TYPE_CHECKING:
    from torch import Tensor, nn

SIZES = {"paper": (64, 5), "small": (8, 3)}
"""Features of the U-Net's first level, and levels, by variant."""
TRAINING = {
    "paper": OwnerTraining(
        images=45_000,
        classifier_blocks=3,
        classifier_width=16,
        features="vgg16",
        weight=0.01,
        epochs=200,
        batch_size=128,
        classifier_rate=0.1,
        network_rate=0.1,
        schedule="published",
    ),
    "small": OwnerTraining(
        images=500,
        classifier_blocks=1,
        classifier_width=8,
        features="classifier",
        weight=0.02,
        epochs=20,
        batch_size=32,
        classifier_rate=0.1,
        network_rate=0.02,
        schedule="one-cycle",
    ),
}
LEVELS = 255


class TransformationNetwork(TrainedTarget):
    """A U-Net whose outputs a classifier of plain images understands and people do not.

    Its owner first trains a classifier on plain images, then the U-Net: cross-entropy of the frozen
    classifier, less the distance between features of output and input. Clients transform their
    images before they send them to the classifier. There is no secret key: the network is the key,
    and everybody who may use the service has it. The owner's images need classes.

    Variants:
        ``paper``: the published sizes; training needs a GPU.
        ``small``: a U-Net of three levels and 8 features, a residual classifier of 8 layers whose
        own first stage takes the place of VGG16, 20 epochs: a minute or two on a CPU.

    Threat model: known pairs, since every user can transform images; ciphertexts alone for whoever
    only sees what is sent.

    Deviations: validation images are drawn at random, not by class. Padding of sizes that are not
    multiples of 16 is ours. ``truncation`` is what the published code does when it saves files;
    otherwise outputs are rounded. The published code's classifiers are ResNet-20, as here, and
    VGG16. ``small`` is not published.

    Reference: H. Ito, Y. Kinoshita, M. AprilPyone, H. Kiya: Image to Perturbation: An Image
    Transformation Network for Generating Visually Protected Images for Privacy-Preserving Deep
    Neural Networks. IEEE Access 9:64629-64638, 2021.
    """

    card = TargetCard(
        name="transform-net",
        title="Transformation network: a U-Net trained to hide images from people",
        reference=Reference(
            "H. Ito, Y. Kinoshita, M. AprilPyone, H. Kiya",
            "Image to Perturbation: An Image Transformation Network for Generating Visually "
            "Protected Images for Privacy-Preserving Deep Neural Networks",
            "IEEE Access 9:64629-64638",
            2021,
        ),
        invertible=False,
        key_scopes=("dataset",),
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        variant: Annotated[
            Literal["paper", "small"], Doc("the paper's sizes, or ones that a CPU trains")
        ] = "paper"
        truncation: Annotated[
            bool, Doc("whether outputs are truncated to 8 bits, as published, not rounded")
        ] = False
        images: Annotated[
            int | None,
            Interval(ge=20, le=1_000_000),
            Doc("images with classes that the owner trains on; none: the variant's"),
        ] = None
        epochs: Annotated[
            int | None, Interval(ge=1, le=10_000), Doc("passes over them; none: the variant's")
        ] = None

    @override
    def network(self, image_shape: ImageShape) -> nn.Module:
        """The U-Net."""
        from ppattack.target.unet import UNet

        width, levels = SIZES[self.config.variant]
        return UNet(image_shape[0], width, levels)

    @override
    def owner_training(self) -> OwnerTraining:
        """The variant's, with the settings' numbers of images and epochs."""
        from dataclasses import replace

        plan = TRAINING[self.config.variant]
        return replace(
            plan,
            images=self.config.images or plan.images,
            epochs=self.config.epochs or plan.epochs,
        )

    @override
    def published(self, outputs: Tensor) -> Tensor:
        """8 bits: rounded, or truncated."""
        import torch

        levels = outputs * LEVELS
        return (levels.floor() if self.config.truncation else levels.round()).to(torch.uint8)

    @override
    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """There is no decryption.

        Raises:
            NotInvertible: always.
        """
        raise NotInvertible(
            f"'{self.card.name}' has no decryption: a classifier takes its outputs as they are."
        )

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """Zero: everybody who may use the service has the network."""
        return 0.0
