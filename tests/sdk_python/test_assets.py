"""Assets through the Python SDK: upload, read, list, metadata, delete."""

import datetime
import hashlib
import io
import json

import pytest
from twelvelabs.core.api_error import ApiError
from twelvelabs.errors import BadRequestError, NotFoundError

from harness import pictures
from harness.sdk import assert_error
from harness.wire import UNKNOWN_ID, Client

MEDIA_TYPES = {
    "red_square.png": "image/png",
    "house.jpg": "image/jpeg",
    "tree.webp": "image/webp",
    "boat.gif": "image/gif",
}


@pytest.mark.parametrize(("name", "media_type"), MEDIA_TYPES.items())
def test_direct_upload_of_a_file_handle(client, name, media_type):
    with (pictures.DRAWN / name).open("rb") as file:
        created = client.assets.create(method="direct", file=file)
    assert len(created.id) == 24 and set(created.id) <= set("0123456789abcdef")
    assert (created.method, created.status) == ("direct", "ready")
    assert (created.filename, created.file_type) == (name, media_type)
    assert isinstance(created.created_at, datetime.datetime)


def test_poll_until_ready(client):
    created = client.assets.create(method="direct", file=pictures.drawn("cat.png"))
    for _ in range(10):
        polled = client.assets.retrieve(created.id)
        if polled.status in ("ready", "failed"):
            break
    assert polled.status == "ready"


def test_detail_tells_size_digest_and_dimensions(client):
    content = pictures.drawn("house.jpg")
    created = client.assets.create(method="direct", file=("my house.jpg", content))
    detail = client.assets.retrieve(created.id)
    assert detail.id == created.id
    assert detail.filename == "my house.jpg"
    assert detail.size == len(content)
    assert detail.sha256 == hashlib.sha256(content).hexdigest()
    assert detail.technical_metadata.image_width == 256
    assert detail.technical_metadata.image_height == 256
    assert detail.technical_metadata.file_mime_type == "image/jpeg"
    assert detail.user_metadata is None
    assert detail.duration is None


def test_direct_upload_of_a_large_picture(client):
    """Well above what web frameworks take by default, and below the limit of 32 MiB."""
    for side in (900, 3200):
        content = pictures.noise(side, side, seed=side)
        created = client.assets.create(method="direct", file=("large.png", content))
        assert client.assets.retrieve(created.id).sha256 == hashlib.sha256(content).hexdigest()


def test_media_type_comes_from_the_bytes_and_not_from_the_name(client):
    created = client.assets.create(method="direct", file=("wrong.png", pictures.drawn("house.jpg")))
    assert created.file_type == "image/jpeg"


@pytest.mark.parametrize("file", [pictures.drawn("cat.png"), io.BytesIO(pictures.drawn("cat.png"))], ids=type)
def test_bytes_without_a_name_are_called_upload(client, file):
    assert client.assets.create(method="direct", file=file).filename == "upload"


def test_filename_parameter_wins(client):
    created = client.assets.create(method="direct", file=("a.png", pictures.drawn("cat.png")), filename="b.png")
    assert created.filename == "b.png"


def test_filename_keeps_quotes_and_letters_beyond_ascii(client):
    name = "Bäume 樹 für Ömer.png"
    created = client.assets.create(method="direct", file=(name, pictures.drawn("cat.png")))
    assert client.assets.retrieve(created.id).filename == name


def test_upload_by_url(client, origin):
    created = client.assets.create(method="url", url=origin.url("/tree.webp"), enable_hls=False)
    detail = client.assets.retrieve(created.id)
    assert (detail.method, detail.status, detail.filename) == ("url", "ready", "tree.webp")
    assert detail.sha256 == hashlib.sha256(pictures.drawn("tree.webp")).hexdigest()


def test_upload_with_user_metadata(client):
    metadata = {"album": "summer", "stars": 4, "public": True, "tags": ["a", "b"]}
    created = client.assets.create(
        method="direct", file=pictures.drawn("cat.png"), user_metadata=json.dumps(metadata), enable_thumbnail=True
    )
    assert created.user_metadata == metadata


def test_metadata_cycle(client):
    asset_id = client.assets.create(method="direct", file=pictures.drawn("cat.png")).id

    def metadata():
        return client.assets.retrieve(asset_id).user_metadata

    client.assets.replace_user_metadata(asset_id, user_metadata={"a": "1", "b": 2, "c": True})
    assert metadata() == {"a": "1", "b": 2, "c": True}
    client.assets.update_user_metadata(asset_id, user_metadata={"b": 3, "d": ["x", "y"]})
    assert metadata() == {"a": "1", "b": 3, "c": True, "d": ["x", "y"]}
    client.assets.update_user_metadata(asset_id, user_metadata={"a": None, "b": "", "d": []})
    assert metadata() == {"b": 3, "c": True, "d": ["x", "y"]}, "null deletes a key, empty values are ignored"
    client.assets.replace_user_metadata(asset_id, user_metadata={"z": "only", "empty": ""})
    assert metadata() == {"z": "only"}
    client.assets.delete_user_metadata(asset_id)
    assert metadata() is None


def test_list_filtered_plain_and_past_the_end(fresh_client):
    names = [f"Holiday {number:02}.png" for number in range(12)]
    ids = [
        fresh_client.assets.create(method="direct", file=(name, pictures.stripes(number))).id
        for number, name in enumerate(names)
    ]

    first = fresh_client.assets.list()
    assert [item.id for item in first.items] == ids[::-1][:10], "newest first, ten on a page"
    assert [item.id for item in fresh_client.assets.list(page=2, page_limit=5).items] == ids[::-1][5:10]
    assert [item.id for item in fresh_client.assets.list(page_limit=5)] == ids[::-1], "the pager ends by itself"
    past_the_end = fresh_client.assets.list(page=9)
    assert past_the_end.items == []
    assert list(past_the_end) == []

    def ids_of(**filters):
        return {item.id for item in fresh_client.assets.list(page_limit=50, **filters).items}

    assert ids_of(asset_ids=[ids[1], ids[3]]) == {ids[1], ids[3]}
    assert ids_of(asset_ids=ids[2]) == {ids[2]}
    assert ids_of(asset_ids=[ids[1], UNKNOWN_ID]) == {ids[1]}
    assert ids_of(asset_types=["image"]) == set(ids)
    assert ids_of(asset_types=["video", "document"]) == set()
    assert ids_of(filename="hOLIday 0") == set(ids[:10])
    assert ids_of(filename="Holiday_0") == set(), "no pattern characters in the substring"
    assert ids_of(filename="11", asset_ids=[ids[11], ids[0]]) == {ids[11]}


def test_list_items_are_detail_objects(fresh_client):
    content = pictures.drawn("tree.webp")
    fresh_client.assets.create(method="direct", file=content)
    (item,) = fresh_client.assets.list().items
    assert item.sha256 == hashlib.sha256(content).hexdigest()
    assert item.size == len(content)
    assert item.technical_metadata.image_width == 256


def test_page_info_counts(server, fresh_client, fresh_key):
    for number in range(3):
        fresh_client.assets.create(method="direct", file=pictures.stripes(number))
    body = Client(server.base_url, fresh_key).get("/assets?page_limit=2").json()
    assert body["page_info"] == {"limit_per_page": 2, "page": 1, "total_page": 2, "total_results": 3}


def test_delete(client):
    asset_id = client.assets.create(method="direct", file=pictures.drawn("cat.png")).id
    assert client.assets.delete(asset_id) is None
    with pytest.raises(NotFoundError) as failure:
        client.assets.retrieve(asset_id)
    assert_error(failure.value, 404, "resource_not_exist", asset_id)
    with pytest.raises(ApiError) as failure:
        client.assets.delete(asset_id)
    assert_error(failure.value, 404, "resource_not_exist", asset_id)
    assert asset_id not in {item.id for item in client.assets.list(asset_ids=[asset_id]).items}


def test_delete_with_force(client):
    asset_id = client.assets.create(method="direct", file=pictures.drawn("cat.png")).id
    client.assets.delete(asset_id, force=True)
    with pytest.raises(NotFoundError):
        client.assets.retrieve(asset_id)


def test_unknown_asset(client):
    with pytest.raises(NotFoundError) as failure:
        client.assets.retrieve(UNKNOWN_ID)
    assert_error(failure.value, 404, "resource_not_exist", UNKNOWN_ID)


@pytest.mark.parametrize("change", ["replace_user_metadata", "update_user_metadata", "delete_user_metadata"])
def test_metadata_of_an_unknown_asset(client, change):
    arguments = {} if change.startswith("delete") else {"user_metadata": {"a": "b"}}
    with pytest.raises(ApiError) as failure:
        getattr(client.assets, change)(UNKNOWN_ID, **arguments)
    assert_error(failure.value, 404, "resource_not_exist", UNKNOWN_ID)


def test_malformed_asset_id(client):
    with pytest.raises(BadRequestError) as failure:
        client.assets.retrieve("not-an-id")
    assert_error(failure.value, 400, "parameter_invalid", "asset_id")


def test_missing_file(client):
    with pytest.raises(BadRequestError) as failure:
        client.assets.create(method="direct")
    assert_error(failure.value, 400, "parameter_not_provided", "file")


def test_missing_url(client):
    with pytest.raises(BadRequestError) as failure:
        client.assets.create(method="url")
    assert_error(failure.value, 400, "parameter_not_provided", "url")


def test_unknown_method(client):
    with pytest.raises(BadRequestError) as failure:
        client.assets.create(method="carrier-pigeon", file=pictures.drawn("cat.png"))
    assert_error(failure.value, 400, "parameter_invalid", "method")


def test_not_an_image(client):
    with pytest.raises(BadRequestError) as failure:
        client.assets.create(method="direct", file=("notes.png", b"These are only words."))
    assert_error(failure.value, 400, "parameter_invalid", "file")


def test_url_that_cannot_be_fetched(client, origin):
    with pytest.raises(BadRequestError) as failure:
        client.assets.create(method="url", url=origin.url("/no-such-page.png"))
    assert_error(failure.value, 400, "parameter_invalid", "url")


def test_metadata_that_is_not_json(client):
    with pytest.raises(BadRequestError) as failure:
        client.assets.create(method="direct", file=pictures.drawn("cat.png"), user_metadata="{not json")
    assert_error(failure.value, 400, "parameter_invalid", "user_metadata")


@pytest.mark.parametrize("arguments", [{"page": 0}, {"page_limit": 51}, {"page_limit": 0}], ids=str)
def test_list_limits(client, arguments):
    with pytest.raises(BadRequestError) as failure:
        client.assets.list(**arguments)
    assert_error(failure.value, 400, "parameter_invalid", next(iter(arguments)))
