"""Makes the files of the other engines from a model folder; done once, kept beside the folder."""

from pathlib import Path

import numpy
import torch

from . import towers

CALIBRATION_INPUTS = 64
ONNX_OPSET = 18


def convert(folder: Path, case: towers.Case, inputs: numpy.ndarray, into: Path) -> None:
    """Writes `f32.onnx`, `int8.onnx`, `f32.xml` and `int8.xml` for one tower."""
    into.mkdir(parents=True, exist_ok=True)
    if (into / "complete").exists():
        return
    tower = towers.load(folder, case.input)
    example = torch.from_numpy(inputs[:2])
    to_onnx(tower, example, into)
    to_openvino(tower, example, calibration_inputs(case, inputs), into)
    (into / "complete").touch()


def calibration_inputs(case: towers.Case, inputs: numpy.ndarray) -> numpy.ndarray:
    """Random inputs of the shape and the range of `inputs`, none of which is measured."""
    generator = numpy.random.default_rng(1)
    shape = (CALIBRATION_INPUTS, *inputs.shape[1:])
    if case.input == "image":
        return generator.normal(inputs.mean(), inputs.std(), shape).astype(numpy.float32)
    ids = generator.integers(inputs[:, 1:-1].min(), inputs[:, 1:-1].max() + 1, shape)
    # The ends stay: a CLIP tower pools at its last token.
    ids[:, 0], ids[:, -1] = inputs[0, 0], inputs[0, -1]
    return ids


def to_onnx(tower: torch.nn.Module, example: torch.Tensor, into: Path) -> None:
    """Exports for ONNX Runtime, and quantises the weights there and the activations on the fly."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path = into / "f32.onnx"
    batch = torch.export.Dim("batch", min=1, max=4096)
    torch.onnx.export(
        tower,
        (example,),
        path,
        input_names=["inputs"],
        output_names=["vectors"],
        dynamic_shapes=({0: batch},),
        opset_version=ONNX_OPSET,
        dynamo=True,
        external_data=False,
    )
    without_shapes = into / "shapeless.onnx"
    model = onnx.load(path)
    # The quantiser infers shapes itself, and stops where the exporter's differ.
    del model.graph.value_info[:]
    onnx.save(model, without_shapes)
    quantize_dynamic(without_shapes, into / "int8.onnx", weight_type=QuantType.QInt8)
    without_shapes.unlink()


def to_openvino(
    tower: torch.nn.Module, example: torch.Tensor, calibration: numpy.ndarray, into: Path
) -> None:
    """Converts for OpenVINO, and quantises with measured ranges."""
    import nncf
    import openvino

    shape = [-1, *example.shape[1:]]
    model = openvino.convert_model(tower, example_input=example, input=[openvino.PartialShape(shape)])
    openvino.save_model(model, into / "f32.xml", compress_to_fp16=False)
    samples = [calibration[at : at + 1] for at in range(len(calibration))]
    quantised = nncf.quantize(
        model,
        nncf.Dataset(samples),
        subset_size=len(samples),
        model_type=nncf.ModelType.TRANSFORMER,
    )
    openvino.save_model(quantised, into / "int8.xml", compress_to_fp16=False)
