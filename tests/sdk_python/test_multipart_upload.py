"""Uploads in chunks: the helper of the Python SDK, and its single steps."""

import hashlib

import httpx
import pytest
from twelvelabs import CompletedChunk, ImageInputRequest, MediaSource
from twelvelabs.errors import BadRequestError, NotFoundError

from harness import pictures
from harness.sdk import assert_error
from harness.wire import UNKNOWN_ID, assert_unit_vector

UPLOAD_DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def large_picture(tmp_path_factory):
    """A picture of about 12 MB, which is several chunks."""
    path = tmp_path_factory.mktemp("large") / "large picture.png"
    path.write_bytes(pictures.noise(2000, 2000, seed=1))
    return path


def put_chunk(upload_url, content: bytes) -> CompletedChunk:
    """Send one chunk as the SDKs do: no key, no headers but the content type."""
    answer = httpx.put(upload_url.url, content=content, headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 200, answer.text
    return CompletedChunk(
        chunk_index=upload_url.chunk_index,
        proof=answer.headers["etag"].strip('"'),
        proof_type="etag",
        chunk_size=len(content),
    )


def test_upload_file_helper_with_several_chunks(client, large_picture):
    progress = []
    result = client.multipart_upload.upload_file(
        large_picture, file_type="image", batch_size=2, progress_callback=progress.append
    )
    assert result.asset_url.startswith("http")
    assert progress[-1].completed_chunks == progress[-1].total_chunks >= 3
    assert len(progress) >= 2, "several batches were reported"
    detail = client.assets.retrieve(result.asset_id)
    assert (detail.method, detail.status, detail.filename) == ("multipart", "ready", "large picture.png")
    assert detail.sha256 == hashlib.sha256(large_picture.read_bytes()).hexdigest()
    response = client.embed.v_2.create(
        input_type="image",
        model_name="marengo3.0",
        image=ImageInputRequest(media_source=MediaSource(asset_id=result.asset_id)),
    )
    assert_unit_vector(response.data[0].embedding)


def test_wait_for_upload_completion(client, large_picture):
    content = large_picture.read_bytes()
    uploads = client.multipart_upload
    created = uploads.create(filename="large.png", type="image", total_size=len(content))
    size = created.chunk_size
    assert created.total_chunks == -(-len(content) // size) >= 3
    assert [url.chunk_index for url in created.upload_urls] == list(range(1, len(created.upload_urls) + 1))
    assert created.upload_id in {item.upload_id for item in uploads.list_incomplete_uploads()}
    with pytest.raises(NotFoundError):
        client.assets.retrieve(created.asset_id)

    completed = [
        put_chunk(url, content[(url.chunk_index - 1) * size : url.chunk_index * size]) for url in created.upload_urls
    ]
    first = uploads.report_chunk_batch(created.upload_id, completed_chunks=completed[:1])
    assert (first.processed_chunks, first.duplicate_chunks, first.total_completed, first.url) == (1, 0, 1, None)
    statuses = {chunk.index: chunk.status for chunk in uploads.get_status(created.upload_id, page_limit=2)}
    assert statuses == {1: "completed"} | {index: "pending" for index in range(2, created.total_chunks + 1)}
    again = uploads.report_chunk_batch(created.upload_id, completed_chunks=completed[:1])
    assert (again.processed_chunks, again.duplicate_chunks, again.total_completed) == (0, 1, 1)

    last = uploads.report_chunk_batch(created.upload_id, completed_chunks=completed[:0:-1])
    assert last.total_completed == created.total_chunks
    assert last.url and last.asset_id == created.asset_id
    done = uploads.wait_for_upload_completion(
        created.upload_id, sleep_interval=0.1, max_wait_time=UPLOAD_DEADLINE_S
    )
    assert (done.status, done.completed_chunks, done.total_chunks) == (
        "completed",
        created.total_chunks,
        created.total_chunks,
    )
    assert created.upload_id not in {item.upload_id for item in uploads.list_incomplete_uploads()}
    assert client.assets.retrieve(created.asset_id).sha256 == hashlib.sha256(content).hexdigest()


def test_a_repeated_put_and_more_urls(client):
    content = pictures.stripes(7)
    uploads = client.multipart_upload
    created = uploads.create(
        filename="small.png", type="image", total_size=len(content), user_metadata={"album": "spring"}
    )
    put_chunk(created.upload_urls[0], content)
    more = uploads.get_additional_presigned_urls(created.upload_id, start=1, count=1)
    assert (more.start_index, more.count, len(more.upload_urls)) == (1, 1, 1)
    completed = put_chunk(more.upload_urls[0], content)
    assert uploads.report_chunk_batch(created.upload_id, completed_chunks=[completed]).url
    detail = client.assets.retrieve(created.asset_id)
    assert detail.user_metadata == {"album": "spring"}
    assert detail.sha256 == hashlib.sha256(content).hexdigest()


def test_a_wrong_proof_is_refused(client):
    content = pictures.stripes(8)
    uploads = client.multipart_upload
    created = uploads.create(filename="small.png", type="image", total_size=len(content))
    completed = put_chunk(created.upload_urls[0], content)
    forged = CompletedChunk(chunk_index=1, proof="0" * 32, proof_type="etag", chunk_size=len(content))
    with pytest.raises(BadRequestError) as failure:
        uploads.report_chunk_batch(created.upload_id, completed_chunks=[forged])
    assert_error(failure.value, 400, "parameter_invalid", "proof")
    assert uploads.report_chunk_batch(created.upload_id, completed_chunks=[completed]).url


def test_unknown_upload(client):
    uploads = client.multipart_upload
    calls = [
        lambda: uploads.get_status(UNKNOWN_ID),
        lambda: uploads.get_additional_presigned_urls(UNKNOWN_ID, start=1, count=1),
        lambda: uploads.report_chunk_batch(
            UNKNOWN_ID,
            completed_chunks=[CompletedChunk(chunk_index=1, proof="a", proof_type="etag", chunk_size=1)],
        ),
    ]
    for call in calls:
        with pytest.raises(NotFoundError) as failure:
            call()
        assert_error(failure.value, 404, "resource_not_exist", UNKNOWN_ID)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"type": "video"}, "type"),
        ({"total_size": 0}, "total_size"),
        ({"total_size": 33 * 1024 * 1024}, "total_size"),
        ({"filename": "x" * 256}, "filename"),
    ],
    ids=["video", "empty", "too large", "long name"],
)
def test_refused_sessions(client, arguments, named):
    with pytest.raises(BadRequestError) as failure:
        client.multipart_upload.create(**{"filename": "a.png", "type": "image", "total_size": 1000, **arguments})
    assert_error(failure.value, 400, "parameter_invalid", named)
