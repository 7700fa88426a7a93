"""Public images as trained attacks use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppattack.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attack import Context
    from ppattack.threat import Observation


def sample_rows(observation: Observation, context: Context, most: int) -> Tensor:
    """Rows of the public images to train on, ``(K,)`` int64: all, or ``most`` at random.

    Raises:
        DataError: if the images do not have the victims' size.
    """
    import torch

    public = observation.public_images
    if tuple(public.shape[1:]) != observation.image_shape:
        raise DataError(
            f"the public images are {tuple(public.shape[1:])}, the victims' "
            f"{observation.image_shape}: give the adversary images of the victims' size."
        )
    if len(public) <= most:
        return torch.arange(len(public))
    return torch.randperm(len(public), generator=context.torch_stream("images"))[:most]


def as_transformed(observation: Observation, public: Tensor, attack: str) -> Tensor:
    """Public images as the scheme would transform them, padded or rearranged.

    Raises:
        NotApplicable: if ciphertexts do not have the size of what is transformed.
    """
    observation.refuse_other_shapes(attack)
    return observation.scheme.representation.prepare(public)
