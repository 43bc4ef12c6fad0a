"""A model of one sequence, served: the small Qwen3-VL of the Rust tests, whose weights are random but whose reading is
the real one. Where a named picture stands matters, and its limits answer with their errors."""

import base64
import shutil
from pathlib import Path

import pytest
from twelvelabs import MultiInputRequest, TextInputRequest
from twelvelabs.errors import BadRequestError

from harness import pictures
from harness.sdk import assert_error, image, sdk_client
from harness.server import OnespaceServer, binary_from_environment
from harness.wire import assert_unit_vector, cosine

GOLDEN = Path(__file__).resolve().parents[2] / "crates/models/tests/golden-interleaved"
DIMENSION = 40
# The vectors of the small random model lie close together; rounding is far below.
DIFFERENT_COSINE_MAX = 0.9999


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """Starts servers of folders of models; stops them at the end."""
    running = []

    def start(folder: Path) -> OnespaceServer:
        place = tmp_path_factory.mktemp("interleaved")
        arguments = ["--model", str(folder), "--precision", "f32"]
        server = OnespaceServer(binary_from_environment(), place / "data", place / "log", arguments)
        running.append(server.start())
        return server

    yield start
    for server in running:
        server.kill()


@pytest.fixture(scope="module")
def reader(serve):
    """A client of the small Qwen3-VL."""
    server = serve(GOLDEN / "qwen3-vl-small")
    return sdk_client(server, server.api_key())


@pytest.fixture(scope="module")
def uploaded(reader) -> dict[str, str]:
    found = {}
    for name in ("cat.png", "house.jpg"):
        with (pictures.DRAWN / name).open("rb") as file:
            found[name] = reader.assets.create(method="direct", file=file).id
    return found


def answer(client, text=None, sources=None, model="marengo3.5", **more):
    members = {"media_sources": sources, "input_text": text}
    given = {name: value for name, value in members.items() if value is not None}
    return client.embed.v_2.create(
        input_type="multi_input", model_name=model, multi_input=MultiInputRequest(**given), **more
    )


def vector(client, *arguments, **more):
    found = answer(client, *arguments, **more).data[0].embedding
    assert_unit_vector(found, DIMENSION)
    return found


def both(uploaded):
    return [image(name="a", asset_id=uploaded["cat.png"]), image(name="b", asset_id=uploaded["house.jpg"])]


def test_swapping_two_names_changes_the_vector(reader, uploaded):
    one = vector(reader, "<@a> left of <@b>", both(uploaded))
    other = vector(reader, "<@b> left of <@a>", both(uploaded))
    assert cosine(one, other) < DIFFERENT_COSINE_MAX
    assert one == vector(reader, "<@a> left of <@b>", both(uploaded)), "asked again, with what was read before"


def test_an_image_named_in_the_text_and_the_same_unnamed_differ(reader, uploaded):
    source = [image(name="a", asset_id=uploaded["cat.png"])]
    named = vector(reader, "in front of a house, <@a>", source)
    unnamed = vector(reader, "in front of a house, ", source)
    assert cosine(named, unnamed) < DIFFERENT_COSINE_MAX


def test_the_order_of_sources_is_that_of_pictures_without_names_only(reader, uploaded):
    sources = both(uploaded)
    turned = sources[::-1]
    assert vector(reader, "<@a> <@b>", sources) == vector(reader, "<@a> <@b>", turned)
    assert cosine(vector(reader, None, sources), vector(reader, None, turned)) < DIFFERENT_COSINE_MAX


def test_special_tokens_in_a_text_are_ordinary_text(reader, uploaded):
    for text in ("<|im_end|>", "<|image_pad|>", "<|vision_start|><|image_pad|><|vision_end|>"):
        alone = answer(reader, text)
        assert "image" not in alone.usage.input_tokens
        assert alone.usage.input_tokens["text"] > 5, "cut like any other text"


def test_an_instruction_is_read(reader):
    plain = vector(reader, "a red cat")
    options = {"additional_body_parameters": {"instruction": "Find the picture of it"}}
    assert cosine(plain, vector(reader, "a red cat", request_options=options)) < DIFFERENT_COSINE_MAX
    empty = {"additional_body_parameters": {"instruction": ""}}
    assert plain == vector(reader, "a red cat", request_options=empty)


def refusal(client, *arguments, **more):
    with pytest.raises(BadRequestError) as failure:
        answer(client, *arguments, **more)
    return failure.value


def test_limits_answer_with_their_errors(reader, uploaded):
    cat = uploaded["cat.png"]
    many = [image(asset_id=cat)] * 11
    assert_error(refusal(reader, "x", many), 400, "parameter_invalid", "media_sources", nested=True)
    eleven = refusal(reader, "<@a>" * 11, [image(name="a", asset_id=cat)])
    assert_error(eleven, 400, "parameter_invalid", "input_text", nested=True)
    unknown = refusal(reader, "<@zz>", [image(name="a", asset_id=cat)])
    assert_error(unknown, 400, "parameter_invalid", "<@zz>", nested=True)
    assert_error(refusal(reader), 400, "parameter_not_provided", "multi_input", nested=True)
    long_text = refusal(reader, "boat " * 5000)
    assert_error(long_text, 400, "parameter_invalid", "input_text", nested=True)
    options = {"additional_body_parameters": {"instruction": "x" * 3000}}
    long_instruction = refusal(reader, "x", request_options=options)
    assert_error(long_instruction, 400, "parameter_invalid", "instruction", nested=True)


def test_text_is_cut_only_where_asked_and_said(reader, uploaded):
    cut = answer(reader, "boat " * 5000 + "<@a>", [image(name="a", asset_id=uploaded["cat.png"])], auto_truncate=True)
    assert cut.usage.truncated is True
    assert cut.usage.input_tokens["text"] == 2000
    assert cut.usage.input_tokens["image"] > 0, "the picture keeps its place"


def test_a_picture_beyond_all_shapes_is_refused_by_name(reader):
    source = image(base64_string=base64.b64encode(pictures.solid(402, 2)).decode())
    assert_error(refusal(reader, None, [source]), 400, "parameter_invalid", "200 times", nested=True)


def test_a_folder_without_vision_tower_serves_text_and_refuses_pictures(serve, tmp_path):
    folder = tmp_path / "text-only"
    shutil.copytree(GOLDEN / "embeddinggemma2-small", folder)
    without_vision(folder / "model.safetensors")
    server = serve(folder)
    client = sdk_client(server, server.api_key())
    response = client.embed.v_2.create(
        input_type="text", model_name="marengo3.0", text=TextInputRequest(input_text="a red cat")
    )
    assert_unit_vector(response.data[0].embedding, 48)
    source = image(base64_string=base64.b64encode((pictures.DRAWN / "cat.png").read_bytes()).decode())
    assert_error(refusal(client, "x", [source]), 400, "parameter_invalid", "reads text only", nested=True)


def without_vision(path: Path) -> None:
    """Writes a file of weights again without the tensors of the vision tower."""
    import json
    import struct

    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, numbers, kept, at = json.loads(data[8 : 8 + length]), data[8 + length :], {}, 0
    parts = []
    for name, entry in header.items():
        if name == "__metadata__" or "vision" in name:
            continue
        start, end = entry["data_offsets"]
        parts.append(numbers[start:end])
        kept[name] = entry | {"data_offsets": [at, at + end - start]}
        at += end - start
    head = json.dumps(kept).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + b"".join(parts))
