"""`embed.v_2.tasks` with images: create, poll, list."""

import datetime
import time

import pytest
from twelvelabs.core.api_error import ApiError
from twelvelabs.errors import BadRequestError

from harness import pictures
from harness.sdk import assert_error, image
from harness.wire import UNKNOWN_ID, Client, assert_unit_vector, base64_text

POLL_DEADLINE_S = 30.0


def create(client, source, **more):
    return client.embed.v_2.tasks.create(
        input_type="image", model_name="marengo3.5", image={"media_source": source}, **more
    )


def finished(client, task_id):
    """Poll the task until it is ready or failed."""
    deadline = time.monotonic() + POLL_DEADLINE_S
    while time.monotonic() < deadline:
        task = client.embed.v_2.tasks.retrieve(task_id)
        if task.status != "processing":
            return task
        assert task.data is None
        time.sleep(0.05)
    raise AssertionError(f"task {task_id} is still processing")


def test_create_poll_ready(client, assets, embed_multi):
    created = create(client, {"asset_id": assets["cat.png"]})
    assert created.status == "processing"
    assert created.data is None
    task = finished(client, created.id)
    assert task.status == "ready"
    assert isinstance(task.created_at, datetime.datetime) and task.updated_at >= task.created_at
    (entry,) = task.data
    assert_unit_vector(entry.embedding)
    assert (entry.embedding_option, entry.embedding_scope) == ("visual", "asset")
    assert (task.metadata.input_type, task.metadata.input_filename) == ("image", "cat.png")
    assert (task.metadata.embedding_options, task.metadata.embedding_scopes) == (["visual"], ["asset"])
    assert task.usage.input_tokens["image"] > 0
    same = embed_multi([image(asset_id=assets["cat.png"])], model="marengo3.5")
    assert entry.embedding == pytest.approx(same, abs=1e-6)


@pytest.mark.parametrize("dimension", [128, 256, 512])
def test_dimension(client, assets, dimension):
    created = create(client, {"asset_id": assets["cat.png"]}, embedding_dimension=dimension)
    task = finished(client, created.id)
    assert_unit_vector(task.data[0].embedding, dimension)
    assert task.metadata.embedding_dimension == dimension


def test_base64_and_url_sources(client, origin):
    by_base64 = create(client, {"base64_string": base64_text(pictures.drawn("house.jpg"))})
    by_url = create(client, {"url": origin.url("/house.jpg")})
    vectors = [finished(client, task.id).data[0].embedding for task in (by_base64, by_url)]
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-6)


def test_an_unreachable_source_ends_as_failed_or_is_refused(client, origin):
    """§5.1: creation checks the basics only; what is wrong deeper down may show up as a failed task."""
    try:
        created = create(client, {"url": origin.url("/no-such-page.png")})
    except BadRequestError as failure:
        assert_error(failure, 400, "parameter_invalid", "url", nested=True)
        return
    task = finished(client, created.id)
    assert task.status == "failed" and task.data is None
    assert task.error.message


def test_list_newest_first_and_past_the_end(fresh_client, origin):
    created = [create(fresh_client, {"url": origin.url("/boat.gif")}).id for _ in range(3)]
    for task_id in created:
        finished(fresh_client, task_id)
    tasks = fresh_client.embed.v_2.tasks
    items = list(tasks.list(page_limit=2))
    assert [item.id for item in items] == created[::-1]
    assert all(item.model_name == "marengo3.5" and item.status == "ready" for item in items)
    metadata = items[0].image_embedding.metadata
    assert (metadata.image_embedding_option, metadata.image_embedding_scope) == (["visual"], ["asset"])
    assert tasks.list(page=7).items == []
    assert [item.id for item in tasks.list(status="ready")] == created[::-1]
    assert list(tasks.list(status="failed")) == []
    tomorrow = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert list(tasks.list(started_at=tomorrow)) == []
    assert len(list(tasks.list(ended_at=tomorrow))) == 3


def test_creation_answers_202_with_a_location(server, raw):
    body = {
        "input_type": "image",
        "model_name": "marengo3.5",
        "image": {"media_source": {"base64_string": base64_text(pictures.drawn("tree.webp"))}},
    }
    created = raw.send_json("/embed-v2/tasks", body)
    assert created.status == 202
    location = created.headers["location"]
    assert location == f"{server.base_url}/embed-v2/tasks/{created.json()['_id']}"
    assert Client(location, raw.key).get("").status == 200


@pytest.mark.parametrize(
    ("more", "code", "named"),
    [
        ({"model_name": "marengo3.0"}, "parameter_invalid", "marengo3.5"),
        ({"input_type": "text", "text": {"input_text": "x"}}, "parameter_invalid", "input_type"),
        ({"input_type": "video"}, "parameter_invalid", "input_type"),
        ({"image": None}, "parameter_not_provided", "image"),
        ({"image": {"media_source": {}}}, "parameter_not_provided", "media_source"),
        ({"image": {"media_source": {"asset_id": UNKNOWN_ID}}}, "resource_not_exist", UNKNOWN_ID),
        ({"embedding_dimension": 100}, "parameter_invalid", "embedding_dimension"),
        (
            {"image": {"media_source": {"asset_id": UNKNOWN_ID}, "embedding_option": ["audio"]}},
            "parameter_invalid",
            "embedding_option",
        ),
        (
            {"image": {"media_source": {"asset_id": UNKNOWN_ID}, "embedding_scope": ["clip"]}},
            "parameter_invalid",
            "embedding_scope",
        ),
        (
            {"image": {"media_source": {"asset_id": UNKNOWN_ID}, "embedding_type": ["fused_embedding"]}},
            "parameter_invalid",
            "embedding_type",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_refused_tasks(raw, more, code, named):
    body = {
        "input_type": "image",
        "model_name": "marengo3.5",
        "image": {"media_source": {"base64_string": base64_text(pictures.drawn("cat.png"))}},
        **more,
    }
    answer = raw.send_json("/embed-v2/tasks", body)
    assert (answer.status, answer.json()["code"]) == (400, code), answer
    assert named in answer.json()["message"]
    assert answer.json()["error"]["code"] == code


@pytest.mark.parametrize("query", ["status=lost", "page=0", "page_limit=51", "started_at=yesterday"])
def test_refused_lists(raw, query):
    answer = raw.get(f"/embed-v2/tasks?{query}")
    assert (answer.status, answer.json()["code"]) == (400, "parameter_invalid")
    assert query.split("=")[0] in answer.json()["message"]


def test_malformed_task_id(client):
    with pytest.raises(ApiError) as failure:  # the SDK has no type for a 400 of this route
        client.embed.v_2.tasks.retrieve("nonsense")
    assert_error(failure.value, 400, "parameter_invalid", "task_id", nested=True)
