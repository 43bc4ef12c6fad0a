"""Writes folders with reference results: `write.py OUT ARCHITECTURE...`, or `write.py --golden OUT`."""

import argparse
from pathlib import Path

import torch

import models
import reference

#: Stored with the tests of the models: small, with weights of 16 bits.
GOLDEN = ["clip-small", "clip-small-gelu", "siglip-small", "siglip2-small"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("out", type=Path)
    parser.add_argument("architectures", nargs="*", choices=[[], *models.ARCHITECTURES])
    given = parser.parse_args()
    if given.golden:
        for name in GOLDEN:
            reference.write(name, given.out / name, given.seed, small=True, dtype=torch.float16)
        return
    for name in given.architectures:
        reference.write(name, given.out / name, given.seed, small=name.count("small") > 0)


if __name__ == "__main__":
    main()
