"""How the networks of the inverse transformation attack are trained; users set the batch size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ppattack.training.recipe import Recipe

QUICK = Recipe(
    epochs=10,
    batch_size=32,
    optimizer="adamw",
    learning_rate=1e-2,
    weight_decay=1e-2,
    schedule="one-cycle",
)
LINEAR = Recipe(
    epochs=15,
    batch_size=32,
    optimizer="adamw",
    learning_rate=0.3,  # for logits, which have to grow to about 10
    schedule="one-cycle",
)


def _published(epochs: int, learning_rate: float) -> Recipe:
    return Recipe(
        epochs=epochs,
        batch_size=128,
        optimizer="sgd",
        learning_rate=learning_rate,
        momentum=0.9,
        weight_decay=5e-4,
        schedule="multistep",
        milestones=(60, 120, 160),
        decay=0.2,
    )


PUBLISHED: Mapping[str, Recipe] = {
    "paper": _published(200, 0.1),
    "published-evaluation": _published(50, 0.01),
    "published-evaluation-fixed": _published(200, 0.1),
    "fixed": replace(QUICK, epochs=100, learning_rate=1e-3),
}
"""How the variants were trained; ``fixed``, which is not published, is a longer ``QUICK``."""
