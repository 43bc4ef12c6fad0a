"""What has to hold after a restart, checked against the acknowledgements."""

import hashlib
from pathlib import Path

from acknowledged import AckLog, AssetRecord, UploadRecord
from workers import ROOT, report_chunk, send_chunk

from harness.wire import Client, assert_unit_vector, image_request

PAGE_ITEMS_MAX = 50
FAULTS_SHOWN_MAX = 20


class Verification:
    """One pass over the restarted server; `checked` counts the assets that were read back one by one."""

    def __init__(self, acks: AckLog, client: Client, data_dir: Path) -> None:
        self.acks = acks
        self.client = client
        self.blob_folder = data_dir / "blobs"
        self.checked = 0
        self._faults: list[str] = []

    def run(self, everything: bool) -> list[str]:
        """All faults. Listing covers all assets; reading back covers those of this round, or all at the end."""
        listed = self._listed()
        digests = self._digests_of_blobs()
        touched = self.acks.taken_touched()
        for record in list(self.acks.assets.values()):
            self._verify_listing(record, listed, digests)
            if everything or record.asset_id in touched:
                self._verify_reading(record)
        unacknowledged = set(listed) - set(self.acks.assets)
        for asset_id in unacknowledged:
            self._verify_whole(listed[asset_id], digests)
        for upload in list(self.acks.uploads.values()):
            self._verify_upload(upload)
        return self._faults[:FAULTS_SHOWN_MAX]

    def _fault(self, text: str) -> None:
        self._faults.append(text)

    def _listed(self) -> dict[str, dict]:
        """All assets by id, from all pages of the list."""
        found: dict[str, dict] = {}
        page = 1
        while True:
            reply = self.client.get(f"/assets?page={page}&page_limit={PAGE_ITEMS_MAX}")
            if reply.status != 200:
                self._fault(f"page {page} of the list answers {reply.status}: {reply.body[:200]!r}")
                return found
            items = reply.json()["data"]
            if not items:
                return found
            found.update((item["_id"], item) for item in items)
            page += 1

    def _digests_of_blobs(self) -> set[str]:
        """The SHA-256 of every file below the blob folder, read anew."""
        paths = [path for path in self.blob_folder.rglob("*") if path.is_file()]
        return {hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

    def _verify_listing(self, record: AssetRecord, listed: dict[str, dict], digests: set[str]) -> None:
        item = listed.get(record.asset_id)
        if record.deleted:
            if item is not None:
                self._fault(f"asset {record.asset_id} is listed although its deletion was acknowledged")
        elif item is not None:
            if item.get("sha256") != record.sha256:
                self._fault(f"asset {record.asset_id} is listed with SHA-256 {item.get('sha256')}")
            if item.get("status") != "ready":
                self._fault(f"asset {record.asset_id} is listed as {item.get('status')}")
            if record.sha256 not in digests:
                self._fault(f"asset {record.asset_id}: no file with SHA-256 {record.sha256} below blobs/")
        elif not record.delete_sent:
            self._fault(f"asset {record.asset_id} was acknowledged and is not listed")

    def _verify_reading(self, record: AssetRecord) -> None:
        self.checked += 1
        detail = self.client.get(f"/assets/{record.asset_id}")
        embedded = self.client.embed(image_request({"asset_id": record.asset_id}))
        if record.deleted or (record.delete_sent and detail.status == 404):
            if detail.status != 404:
                self._fault(f"asset {record.asset_id} answers {detail.status} although it was deleted")
            if embedded.status != 400:
                self._fault(f"deleted asset {record.asset_id}: embedding it answers {embedded.status}")
            record.deleted = record.delete_sent = True  # what is gone stays gone from now on
            return
        if detail.status != 200 or detail.json().get("sha256") != record.sha256:
            self._fault(f"asset {record.asset_id} answers {detail.status}: {detail.body[:200]!r}")
        if embedded.status != 200:
            self._fault(f"asset {record.asset_id}: embedding it answers {embedded.status}: {embedded.body[:200]!r}")
        elif fault := self.acks.embedded(record.asset_id, embedded.json()["data"][0]["embedding"]):
            self._fault(fault)

    def _verify_whole(self, item: dict, digests: set[str]) -> None:
        """An upload whose answer was cut off may exist, but only as a whole asset."""
        self.checked += 1
        asset_id = item["_id"]
        if item.get("status") != "ready" or item.get("sha256") not in digests:
            self._fault(f"asset {asset_id} was never acknowledged and is visible by half: {item}")
            return
        embedded = self.client.embed(image_request({"asset_id": asset_id}))
        if embedded.status != 200:
            self._fault(f"unacknowledged asset {asset_id}: embedding it answers {embedded.status}")
            return
        assert_unit_vector(embedded.json()["data"][0]["embedding"])
        self.acks.created(asset_id, item["sha256"])

    def _verify_upload(self, upload: UploadRecord) -> None:
        """An open upload knows its reported chunks and can be finished; then it is an asset like any other."""
        status = self.client.get(f"{ROOT}/{upload.upload_id}?page_limit={PAGE_ITEMS_MAX}")
        if status.status != 200:
            self._fault(f"upload {upload.upload_id} answers {status.status}: {status.body[:200]!r}")
            return
        body = status.json()
        completed = {chunk["index"] for chunk in body["uploaded_chunks"] if chunk["status"] == "completed"}
        if not upload.reported <= completed:
            self._fault(f"upload {upload.upload_id} forgot chunks {sorted(upload.reported - completed)}")
        sha256 = hashlib.sha256(upload.content).hexdigest()
        if body["status"] == "completed":
            if not upload.completion_sent:
                self._fault(f"upload {upload.upload_id} is completed before its last chunk was reported")
        elif not self._finished(upload, completed, len(body["uploaded_chunks"])):
            return
        detail = self.client.get(f"/assets/{upload.asset_id}")
        if detail.status != 200 or detail.json()["sha256"] != sha256:
            self._fault(f"upload {upload.upload_id}: its asset answers {detail.status}: {detail.body[:200]!r}")
            return
        if upload.asset_id in self.acks.assets:
            self.acks.uploads.pop(upload.upload_id)
        else:
            self.acks.upload_completed(upload.upload_id, sha256)

    def _finished(self, upload: UploadRecord, completed: set[int], chunks: int) -> bool:
        """Send and report what is missing; whether the upload is complete then."""
        missing = [index for index in range(1, chunks + 1) if index not in completed]
        done = None
        if not missing:  # the report was taken in, its answer was not sent: a client would send it again
            done = report_chunk(self.client, upload, chunks, upload.etags[chunks])
        for index in missing:
            urls = self.client.send_json(f"{ROOT}/{upload.upload_id}/presigned-urls", {"start": index, "count": 1})
            if urls.status != 200:
                self._fault(f"upload {upload.upload_id}: new URLs answer {urls.status}: {urls.body[:200]!r}")
                return False
            put = send_chunk(self.client, upload, urls.json()["upload_urls"][0])
            if put.status != 200:
                self._fault(f"upload {upload.upload_id}: chunk {index} answers {put.status}: {put.body[:200]!r}")
                return False
            done = report_chunk(self.client, upload, index, put.headers["etag"])
        if done is None or done.status != 200 or not done.json().get("url"):
            self._fault(f"upload {upload.upload_id} cannot be finished: {done}")
            return False
        return True
