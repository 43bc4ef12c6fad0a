"""Writes folders with reference results: `write.py OUT ARCHITECTURE...`, or `write.py --golden OUT`, or
`write.py --golden-interleaved OUT`."""

import argparse
from pathlib import Path

import torch

import interleaved_models
import interleaved_reference
import models
import reference

#: Stored with the tests of the models: small, with weights of 16 bits.
GOLDEN = ["clip-small", "clip-small-gelu", "siglip-small", "siglip2-small"]
#: The same for interleaved models.
GOLDEN_INTERLEAVED = ["qwen3-vl-small", "qwen3-vl-small-open", "embeddinggemma2-small"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--golden-interleaved", action="store_true")
    parser.add_argument("out", type=Path)
    known = [*models.ARCHITECTURES, *interleaved_models.INTERLEAVED]
    parser.add_argument("architectures", nargs="*", choices=[[], *known])
    given = parser.parse_args()
    if given.golden:
        for name in GOLDEN:
            reference.write(name, given.out / name, given.seed, small=True, dtype=torch.float16)
        return
    if given.golden_interleaved:
        for name in GOLDEN_INTERLEAVED:
            interleaved_reference.write(name, given.out / name, given.seed, small=True)
        return
    for name in given.architectures:
        if name in interleaved_models.INTERLEAVED:
            interleaved_reference.write(name, given.out / name, given.seed, "small" in name)
            continue
        reference.write(name, given.out / name, given.seed, small=name.count("small") > 0)


if __name__ == "__main__":
    main()
