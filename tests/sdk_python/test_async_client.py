"""The asynchronous Python client: the guide's program, many requests at once, and an error."""

import asyncio

import pytest
from twelvelabs import MultiInputRequest
from twelvelabs.errors import BadRequestError

from harness import pictures
from harness.sdk import assert_error, async_sdk_client, image
from harness.wire import assert_unit_vector, base64_text, cosine

SAME_INPUT_COSINE = 0.99999


@pytest.fixture
def run(server):
    """Run `scenario(client)` to its end in an event loop of its own."""

    def running(scenario):
        return asyncio.run(scenario(async_sdk_client(server, server.api_key())))

    return running


def embedding(client, sources=None, text=None):
    members = {"media_sources": sources, "input_text": text}
    given = {name: value for name, value in members.items() if value is not None}
    return client.embed.v_2.create(
        input_type="multi_input", model_name="marengo3.0", multi_input=MultiInputRequest(**given)
    )


def test_guide_shaped_multi_input(run):
    async def scenario(client):
        asset = await client.assets.create(method="direct", file=pictures.drawn("cat.png"))
        response = await embedding(client, [image(asset_id=asset.id)], "A drawing of a cat")
        await client.assets.delete(asset.id)
        return response

    response = run(scenario)
    assert len(response.data) == 1
    assert_unit_vector(response.data[0].embedding)


def test_requests_at_once_give_the_same_vectors_as_one_by_one(run):
    """A batch of requests must not change what each of them gets."""
    names = ["cat.png", "house.jpg", "tree.webp", "boat.gif", "red_square.png", "blue_circle.png"]
    inputs = [
        ([image(name="x", base_64_string=base64_text(pictures.drawn(name)))], f"picture {name} <@x>") for name in names
    ]

    async def scenario(client):
        alone = [(await embedding(client, *each)).data[0].embedding for each in inputs]
        together = await asyncio.gather(*(embedding(client, *each) for each in inputs))
        return alone, [response.data[0].embedding for response in together]

    alone, together = run(scenario)
    for name, one, other in zip(names, alone, together, strict=True):
        assert cosine(one, other) > SAME_INPUT_COSINE, name


def test_iteration_over_the_pager_ends(run):
    async def scenario(client):
        return [item.id async for item in await client.assets.list(page_limit=3)]

    ids = run(scenario)
    assert len(ids) == len(set(ids)) > 0


def test_typed_error(run):
    async def scenario(client):
        with pytest.raises(BadRequestError) as failure:
            await embedding(client, text="only <@ghost>")
        assert_error(failure.value, 400, "parameter_invalid", "<@ghost>", nested=True)

    run(scenario)
