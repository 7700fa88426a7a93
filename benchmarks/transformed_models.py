"""The key of vit-blocks from made-up models, by how far the transformed one was fine-tuned.

python benchmarks/transformed_models.py
"""

from __future__ import annotations

import time

import numpy as np

from ppattack.scenario.models import EMBEDDING, POSITIONS, fine_tuned, made_up_model, transformed
from ppattack.seeding import numpy_stream
from ppattack.solvers.known_pairs.transformed_model import key_of, match_inputs, match_positions
from targets.vit_blocks import VitBlocks

AMOUNTS = (0.0, 0.1, 0.5, 1.0, 2.0, 4.0)
SIZES = ((224, 16), (64, 8))


def main() -> None:
    """One line for each size of image and block, and each amount of noise."""
    print("size block noise | bytes right | certain inputs, positions | CPU seconds")
    for size, edge in SIZES:
        shape, target = (3, size, size), VitBlocks(block_size=edge)
        key = target.generate_key(numpy_stream(0, "key"), shape)
        true = target.permxor(key)
        for amount in AMOUNTS:
            rng = numpy_stream(1, "model", int(10 * amount))
            public = made_up_model(target, shape, rng)
            copy = fine_tuned(transformed(public, target, key), amount, rng)
            start = time.process_time()
            inputs = match_inputs(
                public[EMBEDDING].flatten(1), copy[EMBEDDING].flatten(1), signs=True
            )
            places = match_positions(public[POSITIONS][0, 1:], copy[POSITIONS][0, 1:])
            seconds = time.process_time() - start
            found = key_of(inputs, places.source, shape, edge)
            right = np.mean((found.index == true.index) & (found.mask == true.mask))
            print(
                f"{size:4} {edge:5} {amount:5} | {right:.4f} | {inputs.certain:.3f} "
                f"{places.certain:.3f} | {seconds:.2f}"
            )
        other = made_up_model(target, shape, numpy_stream(2, "model"))
        chance = match_inputs(public[EMBEDDING].flatten(1), other[EMBEDDING].flatten(1), signs=True)
        print(f"{size:4} {edge:5} models of two origins: certain inputs {chance.certain:.3f}")


if __name__ == "__main__":
    main()
