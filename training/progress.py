"""The loop that all stages share: a budget, a learning rate that follows it, checkpoints, a log.

The budget is counted in processor seconds of this process, not by the clock on the wall: on a shared machine a stage
then does the same work however long it has to wait.
"""

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

WARM_UP = 0.02  # part of the budget
WEIGHT_DECAY = 0.05
GRADIENT_NORM_MAX = 1.0
LOG_EVERY_STEPS = 20


def rate_at(progress: float) -> float:
    """Share of the learning rate: linear warm-up, then a cosine to nearly zero."""
    return (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))) * (0.05 + 0.95 * min(1.0, progress / WARM_UP))


def parameter_groups(parts: list[tuple[nn.Module, float]]) -> list[dict]:
    """Parts (module, learning rate) as optimizer groups; weight decay on matrices and filters but not on embeddings."""
    groups = []
    for module, rate in parts:
        embedding = isinstance(module, nn.Embedding)
        for matrices in (True, False):
            chosen = [p for p in module.parameters() if p.requires_grad and (p.ndim > 1) == matrices]
            if chosen:
                decay = WEIGHT_DECAY if matrices and not embedding else 0.0
                groups.append({"params": chosen, "rate": rate, "lr": rate, "weight_decay": decay})
    return groups


class Stage:
    """One stage of training: modules, an optimizer, the processor seconds and steps used so far."""

    def __init__(self, path: Path, modules: dict[str, nn.Module], groups: list[dict], seed: int):
        self.path, self.modules, self.seed = path, modules, seed
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
        self.counts = {"steps": 0, "processor_s": 0.0, "pictures": 0, "sequences": 0}

    def save(self) -> None:
        """Replaces the checkpoint at once, so that a kill never leaves half of one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        state = {name: module.state_dict() for name, module in self.modules.items()}
        partial = self.path.with_suffix(".partial")
        torch.save(state | {"optimizer": self.optimizer.state_dict(), "counts": self.counts}, partial)
        partial.replace(self.path)

    def resume(self) -> bool:
        """Continues from the checkpoint when there is one."""
        if not self.path.exists():
            return False
        state = torch.load(self.path, weights_only=True)
        for name, module in self.modules.items():
            module.load_state_dict(state[name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.counts = state["counts"]
        return True

    def go(self, budget_s: float, every_s: float, losses_of: Callable[[int, float], Iterator[tuple[str, Tensor, float]]]) -> None:
        """Trains until the budget is used up. `losses_of` takes a step's seed and the progress 0..1 and yields losses
        (name, value, weight) one by one; each is followed backwards before the next is computed."""
        saved = started = time.monotonic()
        last = time.process_time()
        sums: dict[str, float] = {}
        steps, pictures, sequences = 0, self.counts["pictures"], self.counts["sequences"]
        while self.counts["processor_s"] < budget_s:
            progress = self.counts["processor_s"] / budget_s
            for name, value in self.advance(progress, losses_of).items():
                sums[name] = sums.get(name, 0.0) + value
            now, used = time.monotonic(), time.process_time()
            self.counts["processor_s"] += used - last
            last, steps = used, steps + 1
            if steps % LOG_EVERY_STEPS == 0:
                shown = " ".join(f"{name} {value / LOG_EVERY_STEPS:.3f}" for name, value in sums.items())
                span = now - started
                speed = (self.counts["pictures"] - pictures) / span, (self.counts["sequences"] - sequences) / span
                print(f"step {self.counts['steps']} {100 * progress:.1f}% {shown} pictures/s {speed[0]:.0f} sequences/s {speed[1]:.0f}", flush=True)
                sums, started, pictures, sequences = {}, now, self.counts["pictures"], self.counts["sequences"]
            if now - saved > every_s:
                self.save()
                saved = now
        self.save()

    def advance(self, progress: float, losses_of) -> dict[str, float]:
        """One optimizer step."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * rate_at(progress)
        self.optimizer.zero_grad(set_to_none=True)
        values = {}
        for name, loss, weight in losses_of(self.seed * 1_000_003 + self.counts["steps"], progress):
            values[name] = loss.item()
            if not math.isfinite(values[name]):
                raise SystemExit(f"the loss {name} is {values[name]} at step {self.counts['steps']}: resume with a lower rate")
            (weight * loss).backward()
        for group in self.optimizer.param_groups:
            nn.utils.clip_grad_norm_(group["params"], GRADIENT_NORM_MAX)
        self.optimizer.step()
        self.counts["steps"] += 1
        return values
