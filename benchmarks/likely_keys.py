"""How many keys of the published sub-block code are found from one ciphertext, and in what time.

    python benchmarks/likely_keys.py PHOTOGRAPHS [--size 224] [--keys 100] [--independent]

Each key comes from a random seed of 32 bits and encrypts another photograph.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ppattack.attack import Context
from ppattack.attacks.known_seed import KnownSeed
from ppattack.metrics.keys import key_agreement
from ppattack.scenario import from_ciphertexts
from ppattack.seeding import numpy_stream
from targets.etc_sub import EtcSub


def main() -> None:
    """Keys found, and CPU seconds each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--keys", type=int, default=100)
    parser.add_argument("--independent", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    files = sorted(asked.photographs.rglob("*.jpg"))
    target = EtcSub(variant="code", keys="independent" if asked.independent else "common")
    found, seconds, attack = [], [], KnownSeed()
    for number in range(asked.keys):
        picture = Image.open(files[number % len(files)]).convert("RGB")
        pixels = np.asarray(picture.resize((asked.size, asked.size))).transpose(2, 0, 1)
        key = target.generate_key(numpy_stream(number, "key"), (3, asked.size, asked.size))
        made = target.encrypt(torch.from_numpy(pixels.copy())[None], key)
        scenario = from_ciphertexts(
            attack, target, made, ("one.png",), truth=None, public=None, scope="dataset"
        )
        start = time.process_time()
        recovery = attack(scenario.observation, Context(torch.device("cpu"), seed=number))
        seconds.append(time.process_time() - start)
        assert recovery.key is not None
        found.append(key_agreement(recovery.key, target.permxor(key)).exact)
    print(
        f"{sum(found)} of {len(found)} keys exact; {np.mean(seconds):.1f} CPU seconds each, "
        f"{max(seconds):.1f} at most"
    )


if __name__ == "__main__":
    main()
