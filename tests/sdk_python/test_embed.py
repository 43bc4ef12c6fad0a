"""`embed.v_2.create` with marengo3.0 through the Python SDK: text, image, text_image, multi_input."""

import pytest
from twelvelabs import (
    ImageInputRequest,
    MediaSource,
    MultiInputMediaSource,
    MultiInputRequest,
    TextImageInputRequest,
    TextInputRequest,
)

from harness import pictures
from harness.sdk import image
from harness.wire import assert_unit_vector, base64_text, cosine, image_request, multi_input_request, text_request

SAME_INPUT_COSINE = 0.99999
# Far above rounding; how much order counts is the model's affair (docs/MODEL_CARD.md), that it arrives is the server's.
ORDER_DIFFERENCE_MIN = 1e-4


def embed_text(client, text, model="marengo3.0"):
    response = client.embed.v_2.create(
        input_type="text", model_name=model, text=TextInputRequest(input_text=text)
    )
    assert len(response.data) == 1
    return response


def embed_image(client, **source):
    return client.embed.v_2.create(
        input_type="image",
        model_name="marengo3.0",
        image=ImageInputRequest(media_source=MediaSource(**source)),
    )


def test_guide_shaped_multi_input(client):
    with (pictures.DRAWN / "cat.png").open("rb") as file:
        asset = client.assets.create(method="direct", file=file)
    response = client.embed.v_2.create(
        input_type="multi_input",
        model_name="marengo3.0",
        multi_input=MultiInputRequest(
            media_sources=[MultiInputMediaSource(media_type="image", asset_id=asset.id)],
            input_text="A drawing of a cat",
        ),
    )
    assert len(response.data) == 1
    entry = response.data[0]
    assert_unit_vector(entry.embedding)
    assert (entry.embedding_option, entry.embedding_scope, entry.start_sec, entry.end_sec) == (None,) * 4
    assert response.metadata.input_type == "multi_input"
    assert response.usage is None


def test_three_named_images_two_assets_and_one_base64(embed_multi, assets):
    vector = embed_multi(
        [
            image(name="img1", asset_id=assets["cat.png"]),
            image(name="img2", asset_id=assets["house.jpg"]),
            image(name="img3", base_64_string=base64_text(pictures.drawn("boat.gif"))),
        ],
        "The cat of <@img1> in the house of <@img2>, seen from <@img3>",
    )
    assert len(vector) == 512


def test_dictionaries_work_like_models(client, assets):
    response = client.embed.v_2.create(
        input_type="multi_input",
        model_name="marengo3.0",
        multi_input={"media_sources": [{"media_type": "image", "asset_id": assets["cat.png"]}], "input_text": "cat"},
    )
    assert_unit_vector(response.data[0].embedding)


def test_base64(embed_multi):
    embed_multi([image(base_64_string=base64_text(pictures.drawn("tree.webp")))], "A tree")


def test_images_only(embed_multi, assets):
    embed_multi([image(asset_id=assets["cat.png"]), image(asset_id=assets["house.jpg"])])


def test_text_only(embed_multi, client):
    vector = embed_multi(text="A small red boat")
    assert cosine(vector, embed_text(client, "A small red boat").data[0].embedding) > SAME_INPUT_COSINE


def test_ten_images(embed_multi, assets):
    ids = list(assets.values())
    names = [f"img{number}" for number in range(10)]
    sources = [image(name=name, asset_id=ids[number % len(ids)]) for number, name in enumerate(names)]
    embed_multi(sources, " ".join(f"<@{name}>" for name in names))


def test_names_may_stay_unreferenced_or_be_used_twice(embed_multi, assets):
    sources = [image(name="a.b-c_1", asset_id=assets["cat.png"]), image(name="idle", asset_id=assets["house.jpg"])]
    embed_multi(sources, "<@a.b-c_1> and once more <@a.b-c_1>")


def test_plain_text_next_to_a_named_image(embed_multi, assets):
    embed_multi([image(name="cat", asset_id=assets["cat.png"])], "No placeholder here")


def test_an_incomplete_placeholder_is_ordinary_text(embed_multi, assets):
    embed_multi([image(name="cat", asset_id=assets["cat.png"])], "a < b, <@ >, <@, <@no end and <@cat>")


def test_order_of_named_images_changes_the_vector(embed_multi, assets):
    sources = [image(name="one", asset_id=assets["cat.png"]), image(name="two", asset_id=assets["house.jpg"])]
    forward = embed_multi(sources, "<@one> to the left of <@two>")
    backward = embed_multi(sources, "<@two> to the left of <@one>")
    assert cosine(forward, backward) < SAME_INPUT_COSINE


def test_position_of_a_named_image_changes_the_vector(embed_multi, assets):
    sources = [image(name="one", asset_id=assets["cat.png"])]
    assert cosine(embed_multi(sources, "<@one> in the rain"), embed_multi(sources, "in the rain <@one>")) < SAME_INPUT_COSINE


def test_a_placeholder_decides_and_not_the_place_in_the_list(embed_multi, assets):
    one, two = image(name="one", asset_id=assets["cat.png"]), image(name="two", asset_id=assets["house.jpg"])
    text = "<@one> to the left of <@two>"
    assert embed_multi([one, two], text) == embed_multi([two, one], text)


def test_order_of_unnamed_images_changes_the_vector(embed_multi, assets):
    one, two = image(asset_id=assets["cat.png"]), image(asset_id=assets["house.jpg"])
    swapped = zip(embed_multi([one, two]), embed_multi([two, one]), strict=True)
    assert max(abs(a - b) for a, b in swapped) > ORDER_DIFFERENCE_MIN


def test_the_names_themselves_do_not_matter(embed_multi, assets):
    vectors = [
        embed_multi([image(name=name, asset_id=assets["cat.png"])], f"<@{name}> at home") for name in ("a", "zebra_7")
    ]
    assert vectors[0] == vectors[1]


@pytest.mark.parametrize(
    "body",
    [
        text_request("A cat on a roof"),
        image_request({"base64_string": base64_text(pictures.drawn("cat.png"))}),
        multi_input_request(
            [{"name": "x", "media_type": "image", "base64_string": base64_text(pictures.drawn("cat.png"))}], "see <@x>"
        ),
    ],
    ids=["text", "image", "multi_input"],
)
def test_same_request_twice_gives_the_same_bytes(raw, body):
    first, second = raw.embed(body), raw.embed(body)
    first.embedding()
    assert first.body == second.body


def test_asset_url_and_inline_bytes_give_the_same_vector(client, assets, origin):
    for name, asset_id in assets.items():
        by_asset = embed_image(client, asset_id=asset_id).data[0].embedding
        by_base64 = embed_image(client, base_64_string=base64_text(pictures.drawn(name))).data[0].embedding
        by_url = embed_image(client, url=origin.url(f"/{name}")).data[0].embedding
        assert by_asset == by_base64 == by_url, name


def test_text(client):
    response = embed_text(client, "Ein Boot auf dem See – 湖の舟 🚤")
    assert_unit_vector(response.data[0].embedding)
    assert response.metadata is None
    assert response.usage is None


def test_different_texts_have_different_vectors(client):
    cat, boat = (embed_text(client, text).data[0].embedding for text in ("a cat", "a sailing boat"))
    assert cosine(cat, boat) < 0.99


def test_image_metadata_tells_where_it_came_from(client, assets, origin):
    by_asset = embed_image(client, asset_id=assets["tree.webp"])
    assert (by_asset.metadata.input_type, by_asset.metadata.input_filename) == ("image", "tree.webp")
    url = origin.url("/tree.webp")
    by_url = embed_image(client, url=url)
    assert (by_url.metadata.input_type, by_url.metadata.input_url) == ("image", url)


def test_text_image(client, embed_multi, assets):
    response = client.embed.v_2.create(
        input_type="text_image",
        model_name="marengo3.0",
        text_image=TextImageInputRequest(
            media_source=MediaSource(asset_id=assets["house.jpg"]), input_text="A house under a blue sky"
        ),
    )
    assert_unit_vector(response.data[0].embedding)
    assert response.metadata.input_type == "text_image"
    same = embed_multi([image(asset_id=assets["house.jpg"])], "A house under a blue sky")
    assert cosine(response.data[0].embedding, same) > SAME_INPUT_COSINE


def test_the_model_answers_to_its_own_name(client):
    own = embed_text(client, "a red square", model="onespace-mini").data[0].embedding
    assert own == embed_text(client, "a red square").data[0].embedding


def test_embed_v1_text_and_image(client):
    with (pictures.DRAWN / "cat.png").open("rb") as file:
        response = client.embed.create(model_name="marengo3.0", text="a drawn cat", image_file=file)
    assert response.model_name == "marengo3.0"
    (text_segment,) = response.text_embedding.segments
    (image_segment,) = response.image_embedding.segments
    assert text_segment.float_ == embed_text(client, "a drawn cat").data[0].embedding
    same_image = embed_image(client, base_64_string=base64_text(pictures.drawn("cat.png")))
    assert image_segment.float_ == same_image.data[0].embedding
    assert response.image_embedding.metadata.input_filename == "cat.png"
    assert response.audio_embedding is None


def test_embed_v1_image_by_url(client, origin):
    url = origin.url("/house.jpg")
    response = client.embed.create(model_name="marengo3.0", image_url=url)
    assert_unit_vector(response.image_embedding.segments[0].float_)
    assert response.image_embedding.metadata.input_url == url
    assert response.text_embedding is None
