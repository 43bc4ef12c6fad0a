"""Refused embed requests as the Python SDK reports them: typed exceptions that name the field."""

import base64

import pytest
from twelvelabs import (
    ImageInputRequest,
    MediaSource,
    MultiInputRequest,
    TextImageInputRequest,
    TextInputRequest,
)
from twelvelabs.core.api_error import ApiError
from twelvelabs.errors import BadRequestError, ContentTooLargeError, NotFoundError

from harness import pictures
from harness.sdk import assert_error, image, sdk_client
from harness.wire import UNKNOWN_ID, base64_text

IMAGE_BYTES_MAX = 32 * 1024 * 1024
CAT = base64_text(pictures.drawn("cat.png"))


def refused(client, code, *named, kind=BadRequestError, status=400, **request):
    """The request is refused with this code, and the message names each of `named`."""
    with pytest.raises(kind) as failure:
        client.embed.v_2.create(**{"model_name": "marengo3.0", **request})
    assert_error(failure.value, status, code, *named, nested=True)


def refused_multi(client, code, *named, sources=None, text=None, **more):
    members = {"media_sources": sources, "input_text": text}
    given = MultiInputRequest(**{name: value for name, value in members.items() if value is not None})
    refused(client, code, *named, input_type="multi_input", multi_input=given, **more)


def test_bad_key(server):
    for key in ("wrong", "osk_" + "0" * 40):
        with pytest.raises(ApiError) as failure:
            sdk_client(server, key).embed.v_2.create(
                input_type="text", model_name="marengo3.0", text=TextInputRequest(input_text="x")
            )
        assert type(failure.value) is ApiError
        assert_error(failure.value, 401, "api_key_invalid", nested=True)


def test_bad_key_on_assets(server):
    with pytest.raises(ApiError) as failure:
        sdk_client(server, "wrong").assets.list()
    assert_error(failure.value, 401, "api_key_invalid")


def test_eleven_images(client):
    refused_multi(client, "parameter_invalid", "media_sources", "10", sources=[image(base_64_string=CAT)] * 11)


def test_unknown_placeholder(client):
    refused_multi(
        client,
        "parameter_invalid",
        "input_text",
        "<@ghost>",
        sources=[image(name="cat", base_64_string=CAT)],
        text="<@cat> and <@ghost>",
    )


def test_placeholders_are_case_sensitive(client):
    sources = [image(name="cat", base_64_string=CAT)]
    refused_multi(client, "parameter_invalid", "input_text", "<@Cat>", sources=sources, text="<@Cat>")


def test_placeholder_without_name(client):
    refused_multi(
        client, "parameter_invalid", "input_text", "<@img1>", sources=[image(base_64_string=CAT)], text="<@img1>"
    )


def test_placeholder_without_any_source(client):
    refused_multi(client, "parameter_invalid", "input_text", "<@img1>", text="only <@img1>")


def test_duplicate_name(client):
    twins = [image(name="twin", base_64_string=CAT), image(name="twin", base_64_string=CAT)]
    refused_multi(client, "parameter_invalid", "name", "twin", sources=twins, text="<@twin>")


def test_bad_base64(client):
    sources = [image(base_64_string=CAT), image(base_64_string="this is *not* base64!")]
    refused_multi(client, "parameter_invalid", "media_sources[1]", "base64_string", sources=sources)


def test_base64_of_a_non_image(client):
    sources = [image(base_64_string=base64_text(b"%PDF-1.7 words, words, words"))]
    refused_multi(client, "parameter_invalid", "media_sources[0]", sources=sources)


def test_url_and_asset_id(client, assets, origin):
    before = len(origin.hits)
    sources = [image(url=origin.url("/cat.png"), asset_id=assets["cat.png"])]
    refused_multi(client, "parameter_invalid", "media_sources[0]", "url", "asset_id", sources=sources)
    assert len(origin.hits) == before


def test_no_source(client):
    refused_multi(
        client, "parameter_not_provided", "media_sources[0]", "url", "base64_string", "asset_id", sources=[image()]
    )


def test_no_source_for_an_image(client):
    refused(
        client,
        "parameter_not_provided",
        "image.media_source",
        input_type="image",
        image=ImageInputRequest(media_source=MediaSource()),
    )


def test_unknown_asset(client):
    refused_multi(client, "resource_not_exist", UNKNOWN_ID, "asset_id", sources=[image(asset_id=UNKNOWN_ID)])


def test_malformed_asset_id(client):
    refused_multi(client, "parameter_invalid", "asset_id", sources=[image(asset_id="nonsense")])


def test_deleted_asset(client):
    asset_id = client.assets.create(method="direct", file=pictures.drawn("cat.png")).id
    client.assets.delete(asset_id)
    refused_multi(client, "resource_not_exist", asset_id, sources=[image(asset_id=asset_id)])


def test_text_too_long(client):
    text = "boat " * 1200
    refused(client, "parameter_invalid", "input_text", "500", input_type="text", text=TextInputRequest(input_text=text))
    refused_multi(client, "parameter_invalid", "input_text", "500", text=text)
    refused(
        client,
        "parameter_invalid",
        "input_text",
        "500",
        input_type="text_image",
        text_image=TextImageInputRequest(media_source=MediaSource(base_64_string=CAT), input_text=text),
    )


def test_empty_text(client):
    refused(client, "parameter_not_provided", "input_text", input_type="text", text=TextInputRequest(input_text=""))
    refused(
        client,
        "parameter_not_provided",
        "input_text",
        input_type="text_image",
        text_image=TextImageInputRequest(media_source=MediaSource(base_64_string=CAT), input_text=""),
    )


def test_empty_multi_input(client):
    refused_multi(client, "parameter_not_provided", "multi_input")
    refused_multi(client, "parameter_not_provided", "multi_input", sources=[])
    refused_multi(client, "parameter_not_provided", "multi_input", sources=[], text="")


def test_bad_model(client):
    text = TextInputRequest(input_text="x")
    refused(client, "parameter_invalid", "model_name", "marengo3.0", input_type="text", text=text, model_name="marengo9")


def test_retired_model(client):
    name = "Marengo-retrieval-2.7"
    text = TextInputRequest(input_text="x")
    refused(client, "parameter_invalid", "model_name", input_type="text", text=text, model_name=name)


def test_bad_input_type(client):
    refused(client, "parameter_invalid", "input_type", input_type="smell", text=TextInputRequest(input_text="x"))


@pytest.mark.parametrize("input_type", ["audio", "video"])
def test_input_types_that_are_not_served(client, input_type):
    refused(
        client,
        "parameter_invalid",
        "input_type",
        input_type=input_type,
        **{input_type: {"media_source": {"asset_id": UNKNOWN_ID}}},
    )


@pytest.mark.parametrize("input_type", ["text", "image", "text_image", "multi_input"])
def test_missing_payload(client, input_type):
    refused(client, "parameter_not_provided", input_type, input_type=input_type)


def test_video_source_on_30(client, assets):
    sources = [{"media_type": "video", "asset_id": assets["cat.png"]}]
    refused(
        client,
        "parameter_invalid",
        "media_type",
        input_type="multi_input",
        multi_input={"media_sources": sources},
    )


@pytest.mark.parametrize("field", [{"embedding_dimension": 512}, {"auto_truncate": True}, {"embedding_uncertainty": True}])
def test_fields_of_35_on_30(client, field):
    refused_multi(client, "parameter_invalid", next(iter(field)), "marengo3.5", text="a cat", **field)


def test_media_above_the_cap_is_content_too_large(client):
    content = pictures.header(64, 64) + bytes(IMAGE_BYTES_MAX + 1 - 33)
    refused(
        client,
        "parameter_invalid",
        "32",
        kind=ContentTooLargeError,
        status=413,
        input_type="image",
        image=ImageInputRequest(media_source=MediaSource(base_64_string=base64.b64encode(content).decode())),
    )


def test_url_that_cannot_be_fetched(client, origin):
    sources = [image(asset_id=client.assets.create(method="direct", file=pictures.drawn("cat.png")).id)]
    sources.append(image(url=origin.url("/no-such-page.png")))
    refused_multi(client, "parameter_invalid", "media_sources[1]", "url", sources=sources)


def test_unknown_task(client):
    with pytest.raises(NotFoundError) as failure:
        client.embed.v_2.tasks.retrieve(UNKNOWN_ID)
    assert_error(failure.value, 404, "resource_not_exist", UNKNOWN_ID, nested=True)


def test_routes_that_are_not_served(client):
    with pytest.raises(ApiError) as failure:
        client.indexes.list()
    assert_error(failure.value, 404, "not_found", "/indexes")
    with pytest.raises(ApiError) as failure:
        client.search.create(index_id=UNKNOWN_ID, search_options=["visual"], query_text="a cat")
    assert_error(failure.value, 404, "not_found", "/search")
