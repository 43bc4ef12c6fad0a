"""Two ways to ask the shipped model for vectors: the Rust program, and PyTorch from the same files."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .inference import Exported, prepared


class Embedder(Protocol):
    """Turns inputs into unit vectors; `name` says in a table whose they are."""

    name: str

    def embed(self, inputs: list[list]) -> Tensor:
        """Lists of parts, each a text or a picture -> [N, 512]."""


class Reference:
    """PyTorch, from config.json, tokenizer.json and model.safetensors of a folder."""

    def __init__(self, folder: Path):
        self.exported = Exported(folder)
        self.name = f"PyTorch, revision {self.exported.config['revision']}"

    def embed(self, inputs: list[list]) -> Tensor:
        """Pictures that occur in several inputs are looked at once."""
        pictures = {id(part): part for parts in inputs for part in parts if not isinstance(part, str)}
        tokens: dict[int, Tensor] = {}
        if pictures:
            looked = self.exported.look(torch.from_numpy(np.stack([prepared(p) for p in pictures.values()])))
            tokens = dict(zip(pictures, looked))
        return self.exported.embed([[p if isinstance(p, str) else tokens[id(p)] for p in parts] for parts in inputs])


class Program:
    """`onespace embed --jsonl`: the Rust program, as its users run it."""

    def __init__(self, program: Path, folder: Path):
        self.program = program.resolve()
        revision = json.loads((folder / "config.json").read_text())["revision"]
        self.name = f"`onespace embed --jsonl`, revision {revision}"

    def embed(self, inputs: list[list]) -> Tensor:
        with tempfile.TemporaryDirectory() as folder:
            lines = self.lines(inputs, Path(folder))
            (Path(folder) / "inputs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
            command = [str(self.program), "embed", "--jsonl", "inputs.jsonl", "--output", "vectors.jsonl"]
            finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if finished.returncode != 0:
                raise SystemExit(f"onespace embed failed: {finished.stderr.strip()}")
            answers = [json.loads(line) for line in (Path(folder) / "vectors.jsonl").read_text().splitlines()]
        return F.normalize(torch.tensor([answer["embedding"] for answer in answers]), dim=1)

    @staticmethod
    def lines(inputs: list[list], folder: Path) -> list[dict]:
        """The lines of the program's input; pictures are written to `folder` without loss."""
        paths: dict[int, str] = {}

        def path(picture: Image.Image) -> str:
            if id(picture) not in paths:
                paths[id(picture)] = f"{len(paths)}.png"
                plain = picture if picture.mode in ("RGB", "RGBA", "L") else picture.convert("RGBA")
                plain.save(folder / paths[id(picture)], compress_level=1)
            return paths[id(picture)]

        lines = []
        for number, parts in enumerate(inputs):
            if len(parts) == 1:
                part = parts[0]
                form = {"text": part} if isinstance(part, str) else {"image": path(part)}
            else:
                pictures = {f"p{place}": part for place, part in enumerate(parts) if not isinstance(part, str)}
                text = "".join(part if isinstance(part, str) else f"<@p{place}>" for place, part in enumerate(parts))
                sources = [{"name": name, "path": path(picture)} for name, picture in pictures.items()]
                form = {"multi_input": {"input_text": text, "media_sources": sources}}
            lines.append({"id": number} | form)
        return lines
