"""`transformers` with an interleaved model in a process of its own, driven line by line.

`python -m benchmarks.interleaved_engine ARCHITECTURE MODEL_FOLDER PRECISION THREADS`

Each line on stdin is a request, each line on stdout its answer (JSON): `{"do": "vector", "case": C}`;
`{"do": "run", "case": C, "batch": 1, "seconds": S}` times calls; `{"do": "products", "case": C}` says
which matrix products a call is made of, as `[rows, inputs, outputs, times]`.
"""

import collections
import sys
from pathlib import Path

import numpy
import torch
from PIL import Image

from . import engines, interleaved_cases

DTYPES = {"bf16": torch.bfloat16, "f32": torch.float32}


class Engine:
    """A model with its processor, and the inputs of each case, ready for it."""

    def __init__(self, architecture: str, folder: Path, precision: str):
        import interleaved_reference
        from transformers import EmbeddingGemma2Model, Qwen3VLModel

        kind = Qwen3VLModel if architecture.startswith("qwen3-vl") else EmbeddingGemma2Model
        self.model = kind.from_pretrained(folder, dtype=DTYPES[precision]).eval()
        self.reference = interleaved_reference.reference_of(architecture, folder, self.model)
        # The reference keeps states by hooks, which would cost time here.
        for module in self.model.modules():
            module._forward_hooks.clear()
            module._forward_pre_hooks.clear()
        self.folder = folder

    def inputs(self, case: str) -> dict:
        """What the model is called with."""
        words, picture = interleaved_cases.CASES[case]
        parts = [{"image": 0}] if picture else []
        pixels = [numpy.asarray(Image.open(self.folder / interleaved_cases.PICTURE))] if picture else []
        *_, arguments = self.reference.given(case, [*parts, {"text": words}], None, pixels)
        dtype = self.model.dtype
        return {
            name: value.to(dtype) if value.is_floating_point() else value for name, value in arguments.items()
        }

    @torch.inference_mode()
    def vector(self, inputs: dict) -> list[float]:
        """The vector, of unit length."""
        return self.reference.vector(inputs).float().tolist()

    def products(self, inputs: dict) -> list[list[int]]:
        """Every product of a row with a learned matrix."""
        counted: collections.Counter = collections.Counter()

        def count(module, given, _output):
            outputs, width = module.weight.shape
            counted[given[0].numel() // width, width, outputs] += 1

        layers = [module for module in self.model.modules() if isinstance(module, torch.nn.Linear)]
        hooks = [layer.register_forward_hook(count) for layer in layers]
        self.vector(inputs)
        for hook in hooks:
            hook.remove()
        return [[*shape, times] for shape, times in counted.items()]

    def answer(self, request: dict) -> dict:
        """What a line asks for."""
        inputs = self.inputs(request["case"])
        match request["do"]:
            case "vector":
                return {"vector": self.vector(inputs)}
            case "products":
                return {"products": self.products(inputs)}
        return engines.timed(lambda: self.vector(inputs), request["seconds"])


def main() -> None:
    """Answers requests until stdin ends."""
    architecture, folder, precision, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    engines.answer_lines(lambda: Engine(architecture, Path(folder), precision).answer)


if __name__ == "__main__":
    main()
