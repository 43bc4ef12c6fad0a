"""Keys and accounts: what one account cannot see, and keys that end."""

import time

import pytest
from twelvelabs import ImageInputRequest, MediaSource
from twelvelabs.core.api_error import ApiError
from twelvelabs.errors import BadRequestError, NotFoundError

from harness import pictures
from harness.sdk import assert_error, sdk_client
from harness.wire import UNKNOWN_ID


def outcome(call) -> tuple[int, str]:
    """Status and body of a refused call."""
    with pytest.raises(ApiError) as failure:
        call()
    return failure.value.status_code, str(failure.value.body)


def assert_same_as_never_existed(call, hidden_id: str) -> None:
    """`call` answers a hidden id exactly as an id that never existed, but for the id itself."""
    hidden_status, hidden_body = outcome(lambda: call(hidden_id))
    unknown_status, unknown_body = outcome(lambda: call(UNKNOWN_ID))
    assert hidden_status == unknown_status
    assert hidden_body.replace(hidden_id, "ID") == unknown_body.replace(UNKNOWN_ID, "ID")


def embed_asset(client, asset_id):
    return client.embed.v_2.create(
        input_type="image",
        model_name="marengo3.0",
        image=ImageInputRequest(media_source=MediaSource(asset_id=asset_id)),
    )


def test_another_accounts_asset_does_not_exist(client, other_client):
    asset_id = client.assets.create(method="direct", file=pictures.drawn("cat.png")).id
    theirs = other_client.assets
    assert_same_as_never_existed(theirs.retrieve, asset_id)
    assert_same_as_never_existed(theirs.delete, asset_id)
    assert_same_as_never_existed(theirs.delete_user_metadata, asset_id)
    for change in (theirs.replace_user_metadata, theirs.update_user_metadata):
        assert_same_as_never_existed(lambda id, change=change: change(id, user_metadata={"a": "b"}), asset_id)
    assert_same_as_never_existed(lambda id: embed_asset(other_client, id), asset_id)
    assert asset_id not in {item.id for item in theirs.list(page_limit=50)}
    assert theirs.list(asset_ids=[asset_id]).items == []
    untouched = client.assets.retrieve(asset_id)
    assert untouched.status == "ready" and untouched.user_metadata is None


def test_statuses_for_another_account(client, other_client):
    asset_id = client.assets.create(method="direct", file=pictures.drawn("cat.png")).id
    with pytest.raises(NotFoundError) as failure:
        other_client.assets.retrieve(asset_id)
    assert_error(failure.value, 404, "resource_not_exist")
    with pytest.raises(BadRequestError) as failure:
        embed_asset(other_client, asset_id)
    assert_error(failure.value, 400, "resource_not_exist", "asset_id", nested=True)


def test_another_accounts_task_and_upload_do_not_exist(client, other_client):
    asset_id = client.assets.create(method="direct", file=pictures.drawn("cat.png")).id
    task = client.embed.v_2.tasks.create(
        input_type="image", model_name="marengo3.5", image={"media_source": {"asset_id": asset_id}}
    )
    assert_same_as_never_existed(other_client.embed.v_2.tasks.retrieve, task.id)
    assert task.id not in {item.id for item in other_client.embed.v_2.tasks.list()}
    upload = client.multipart_upload.create(filename="a.png", type="image", total_size=1000)
    theirs = other_client.multipart_upload
    assert_same_as_never_existed(theirs.get_status, upload.upload_id)
    assert_same_as_never_existed(
        lambda id: theirs.get_additional_presigned_urls(id, start=1, count=1), upload.upload_id
    )
    assert upload.upload_id not in {item.upload_id for item in theirs.list_incomplete_uploads()}


def test_two_keys_of_one_account_see_the_same_assets(server):
    keys = [server.create_key(name, account="shared")["key"] for name in ("first", "second")]
    first, second = (sdk_client(server, key) for key in keys)
    asset_id = first.assets.create(method="direct", file=pictures.drawn("cat.png")).id
    assert second.assets.retrieve(asset_id).id == asset_id


@pytest.mark.parametrize("named_by", ["id", "name"])
def test_revoked_key(server, named_by):
    created = server.create_key(f"short-lived-by-{named_by}", account="other")
    doomed = sdk_client(server, created["key"])
    doomed.assets.list()
    server.keys("revoke", created[named_by])
    time.sleep(1.0)  # a revocation counts within a second
    with pytest.raises(ApiError) as failure:
        doomed.assets.list()
    assert_error(failure.value, 401, "api_key_invalid")


def test_expired_key(server):
    doomed = sdk_client(server, server.create_key("ends-soon", account="other", expires="2s")["key"])
    doomed.assets.list()
    time.sleep(3.0)
    with pytest.raises(ApiError) as failure:
        doomed.assets.list()
    assert_error(failure.value, 401, "api_key_invalid")


def test_expiry_is_a_year_by_default_and_can_be_never(server):
    assert server.create_key("default-expiry")["expires_at"] is not None
    assert server.create_key("no-expiry", expires="never")["expires_at"] is None


def test_the_list_of_keys_shows_names_and_no_secret(server):
    created = server.create_key("listed")
    listed = server.keys("list", "--json").stdout
    assert created["id"] in listed and "listed" in listed
    assert created["key"] not in listed
    assert created["key"].encode() not in b"".join(
        path.read_bytes() for path in server.data_dir.rglob("*") if path.is_file()
    ), "only the digest of a key is stored"
