"""One engine in a process of its own, driven line by line.

`python -m benchmarks.engines ENGINE MODEL_FOLDER CONVERTED_FOLDER INPUTS_FILE KIND THREADS`

Each line on stdin is a request, each line on stdout its answer (JSON): `{"do": "vectors"}` embeds
every input, eight at a time; `{"do": "run", "batch": B, "seconds": S}` times calls of B inputs.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy

VECTORS_BATCH = 8
# A call of a large batch can take longer than a turn.
CALLS_MIN = 2

Embed = Callable[[numpy.ndarray], numpy.ndarray]


def torch_engine(precision: str, compiled: bool, folder: Path, kind: str, threads: int) -> Embed:
    """PyTorch, eager or compiled."""
    import torch

    from . import towers

    torch.set_num_threads(threads)
    tower = towers.load(folder, kind)
    if precision == "bf16":
        tower = tower.to(torch.bfloat16)
    if compiled:
        tower = torch.compile(tower)

    def embed(batch: numpy.ndarray) -> numpy.ndarray:
        inputs = torch.from_numpy(batch)
        if precision == "bf16" and kind == "image":
            inputs = inputs.to(torch.bfloat16)
        with torch.inference_mode():
            return tower(inputs).float().numpy()

    return embed


def onnxruntime_engine(file: Path, threads: int) -> Embed:
    """ONNX Runtime with all its graph optimisations."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {"inputs": batch})[0]


def openvino_engine(file: Path, precision: str, threads: int) -> Embed:
    """OpenVINO, set for latency: one stream over all threads."""
    import openvino

    core = openvino.Core()
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": precision,
    }
    compiled = core.compile_model(file, "CPU", settings)
    # What the engine made of the hint: without bf16 in the processor it stays at f32.
    precision = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    print(f"OpenVINO computes in {precision}", file=sys.stderr)
    request = compiled.create_infer_request()
    return lambda batch: request.infer([batch])[0]


def start(engine: str, folder: Path, converted: Path, kind: str, threads: int) -> Embed:
    """The engine named `engine`."""
    name, precision = engine.split("-", 1)
    match name:
        case "pytorch":
            return torch_engine(precision, False, folder, kind, threads)
        case "pytorch_compiled":
            return torch_engine(precision, True, folder, kind, threads)
        case "onnxruntime":
            return onnxruntime_engine(converted / f"{precision}.onnx", threads)
        case "openvino":
            weights, hint = precision.split("+") if "+" in precision else (precision, precision)
            file = converted / ("int8.xml" if weights == "int8" else "f32.xml")
            return openvino_engine(file, "bf16" if hint == "bf16" else "f32", threads)
    raise SystemExit(f"no engine is called {engine}")


def run(embed: Embed, inputs: numpy.ndarray, batch_size: int, seconds: float) -> dict:
    """Seconds of calls of so many inputs."""
    batch = numpy.ascontiguousarray(inputs[:batch_size])
    return timed(lambda: embed(batch), seconds)


def timed(call: Callable[[], object], seconds: float) -> dict:
    """Seconds of each call, after one that is not counted."""
    call()
    times, started = [], time.perf_counter()
    while len(times) < CALLS_MIN or time.perf_counter() - started < seconds:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return {"seconds": times}


def vectors(embed: Embed, inputs: numpy.ndarray) -> dict:
    """The vector of every input."""
    batches = [inputs[at : at + VECTORS_BATCH] for at in range(0, len(inputs), VECTORS_BATCH)]
    rows = [row for batch in batches for row in embed(numpy.ascontiguousarray(batch)).copy()]
    return {"vectors": [row.tolist() for row in rows]}


def answer_lines(start: Callable[[], Callable[[dict], dict]]) -> None:
    """Starts an engine, says that it is ready, and answers requests until stdin ends."""
    # Libraries print to stdout; the answers go to what it was.
    answers, sys.stdout = sys.stdout, sys.stderr
    answer = start()
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


def main() -> None:
    """One engine on one tower."""
    engine, folder, converted, file, kind, threads = sys.argv[1:]
    from safetensors.numpy import load_file

    inputs = load_file(file)[kind]

    def begin() -> Callable[[dict], dict]:
        embed = start(engine, Path(folder), Path(converted), kind, int(threads))

        def answer(request: dict) -> dict:
            if request["do"] == "vectors":
                return vectors(embed, inputs)
            return run(embed, inputs, request["batch"], request["seconds"])

        return answer

    answer_lines(begin)


if __name__ == "__main__":
    main()
