"""What marengo3.5 adds: shorter vectors, usage, cutting of long text; and what it takes away."""

import math

import pytest
from twelvelabs import ImageInputRequest, MediaSource, MultiInputRequest, TextInputRequest
from twelvelabs.errors import BadRequestError

from harness.sdk import assert_error, image
from harness.wire import assert_unit_vector

TOKENS_MAX = 2000
LONG_TEXT = "boat " * (TOKENS_MAX * 2)


def embed_text(client, text, **more):
    return client.embed.v_2.create(
        input_type="multi_input", model_name="marengo3.5", multi_input=MultiInputRequest(input_text=text), **more
    )


def test_full_length_is_the_default(embed_multi, assets):
    sources = [image(asset_id=assets["cat.png"])]
    default = embed_multi(sources, "a cat", model="marengo3.5")
    assert default == embed_multi(sources, "a cat", model="marengo3.5", embedding_dimension=512)


@pytest.mark.parametrize("dimension", [128, 256])
def test_a_shorter_vector_is_the_leading_part_at_unit_length(embed_multi, assets, dimension):
    sources = [image(name="x", asset_id=assets["cat.png"])]
    whole = embed_multi(sources, "a cat <@x>", model="marengo3.5")
    short = embed_multi(
        sources, "a cat <@x>", model="marengo3.5", dimension=dimension, embedding_dimension=dimension
    )
    norm = math.sqrt(sum(value * value for value in whole[:dimension]))
    assert short == pytest.approx([value / norm for value in whole[:dimension]], abs=1e-5)


def test_the_dimension_is_told_in_the_metadata(client):
    response = embed_text(client, "a cat", embedding_dimension=256)
    assert (response.metadata.input_type, response.metadata.embedding_dimension) == ("multi_input", 256)


@pytest.mark.parametrize("dimension", [0, -1, 64, 500, 511, 1024])
def test_other_dimensions_are_refused(client, dimension):
    with pytest.raises(BadRequestError) as failure:
        embed_text(client, "a cat", embedding_dimension=dimension)
    assert_error(failure.value, 400, "parameter_invalid", "embedding_dimension", nested=True)


def test_usage_counts_text_and_images(client, assets):
    text_only = embed_text(client, "a cat").usage
    assert set(text_only.input_tokens) == {"text"}
    assert text_only.input_tokens["text"] > 0
    assert text_only.truncated is False and text_only.truncation_reason is None
    both = client.embed.v_2.create(
        input_type="multi_input",
        model_name="marengo3.5",
        multi_input=MultiInputRequest(
            media_sources=[image(asset_id=assets["cat.png"]), image(asset_id=assets["house.jpg"])], input_text="a cat"
        ),
    ).usage
    assert set(both.input_tokens) == {"text", "image"}
    assert both.input_tokens["image"] > 0
    one_image = client.embed.v_2.create(
        input_type="multi_input",
        model_name="marengo3.5",
        multi_input=MultiInputRequest(media_sources=[image(asset_id=assets["cat.png"])]),
    ).usage
    assert one_image.input_tokens["image"] < both.input_tokens["image"]


def test_long_text_is_refused_by_default(client):
    for arguments in ({}, {"auto_truncate": False}):
        with pytest.raises(BadRequestError) as failure:
            embed_text(client, LONG_TEXT, **arguments)
        assert_error(failure.value, 400, "parameter_invalid", "input_text", nested=True)


def test_auto_truncate_cuts_and_says_so(client):
    response = embed_text(client, LONG_TEXT, auto_truncate=True)
    assert_unit_vector(response.data[0].embedding)
    assert response.usage.truncated is True
    assert response.usage.truncation_reason == "model_context_window"
    assert 0 < response.usage.input_tokens["text"] <= TOKENS_MAX


def test_auto_truncate_leaves_short_text_alone(client):
    cut, whole = embed_text(client, "a cat", auto_truncate=True), embed_text(client, "a cat")
    assert cut.usage.truncated is False
    assert cut.data[0].embedding == whole.data[0].embedding


def test_text_between_the_limits_of_both_models(client):
    text = "boat " * 700
    assert_unit_vector(embed_text(client, text).data[0].embedding)
    with pytest.raises(BadRequestError):
        client.embed.v_2.create(
            input_type="multi_input", model_name="marengo3.0", multi_input=MultiInputRequest(input_text=text)
        )


def test_single_input_types_are_refused(client, assets):
    inputs = {
        "text": {"text": TextInputRequest(input_text="a cat")},
        "image": {"image": ImageInputRequest(media_source=MediaSource(asset_id=assets["cat.png"]))},
    }
    for input_type, payload in inputs.items():
        with pytest.raises(BadRequestError) as failure:
            client.embed.v_2.create(input_type=input_type, model_name="marengo3.5", **payload)
        assert_error(failure.value, 400, "parameter_invalid", "input_type", nested=True)


@pytest.mark.parametrize("media_type", ["video", "audio", "document"])
def test_media_that_is_not_served_yet(client, assets, media_type):
    sources = [{"media_type": media_type, "asset_id": assets["cat.png"]}]
    with pytest.raises(BadRequestError) as failure:
        client.embed.v_2.create(
            input_type="multi_input", model_name="marengo3.5", multi_input={"media_sources": sources}
        )
    assert_error(failure.value, 400, "parameter_invalid", "media_type", nested=True)


def test_uncertainty_of_text_with_media_is_refused(client, assets):
    with pytest.raises(BadRequestError) as failure:
        client.embed.v_2.create(
            input_type="multi_input",
            model_name="marengo3.5",
            embedding_uncertainty=True,
            multi_input=MultiInputRequest(media_sources=[image(asset_id=assets["cat.png"])], input_text="a cat"),
        )
    assert_error(failure.value, 400, "parameter_invalid", "embedding_uncertainty", nested=True)
