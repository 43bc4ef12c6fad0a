"""The load: threads that upload, embed and delete at random until the server is gone."""

import hashlib
import http.client
import random
import threading
import time
from collections import Counter

from acknowledged import AckLog, UploadRecord

from harness import pictures
from harness.wire import Client, Reply, assert_unit_vector, image_request

WORKERS = 6
# So many uploads in a round at most: verification has to stay fast.
UPLOADS_PER_ROUND_MAX = 60
# Above the chunk size of 5 MiB, so that some uploads have two chunks.
LARGE_SIDE = 1400
LARGE_SHARE = 0.04
ROOT = "/assets/multipart-uploads"
# The server may say that it is full or on its way out; both are honest answers under load.
BACK_PRESSURE = {429, 503}


class ServerGone(Exception):
    """The connection failed: expected once the server was killed, a fault before."""


class Load:
    """All workers of one round."""

    def __init__(self, acks: AckLog, client: Client, seed: str) -> None:
        self.acks = acks
        self.client = client
        self.seed = seed
        self._dying = threading.Event()
        self._counts: Counter = Counter()
        self._faults: list[str] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(WORKERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def server_dies(self) -> None:
        """From now on a failed connection is no fault."""
        self._dying.set()

    def join(self) -> list[str]:
        """Wait for all workers; returns what went wrong while the server was alive."""
        for thread in self._threads:
            thread.join()
        return self._faults

    def counts(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in sorted(self._counts.items())) or "nothing done"

    def _count(self, name: str) -> None:
        with self._lock:
            self._counts[name] += 1

    def _work(self, number: int) -> None:
        chooser = random.Random(f"{self.seed}/{number}")
        actions = [self._upload_direct] * 4 + [self._upload_in_chunks] * 2 + [self._embed] * 4 + [self._delete]
        while True:
            try:
                chooser.choice(actions)(chooser)
            except ServerGone as gone:
                # The kill may cut a connection a moment before this thread learns of it.
                if not self._dying.wait(2.0):
                    self._faults.append(f"connection lost while the server was alive: {gone}")
                return
            except Exception as unexpected:  # noqa: BLE001 - a fault to report, whatever it is
                self._faults.append(f"{type(unexpected).__name__}: {unexpected}")
                return

    def _answer(self, call, *arguments) -> Reply:
        try:
            return call(*arguments)
        except (OSError, http.client.HTTPException) as error:
            raise ServerGone(f"{type(error).__name__}: {error}") from error

    def _expected(self, reply: Reply, *statuses: int) -> bool:
        """Whether the answer is one of these; back pressure is waited out, anything else is a fault."""
        if reply.status in statuses:
            return True
        if reply.status in BACK_PRESSURE:
            self._count("refused for load")
            time.sleep(0.05)
            return False
        raise AssertionError(f"unexpected answer {reply.status}: {reply.body[:300]!r}")

    def _picture(self, chooser: random.Random) -> bytes:
        seed = chooser.getrandbits(60)
        if chooser.random() < LARGE_SHARE:
            return pictures.noise(LARGE_SIDE, LARGE_SIDE, seed)
        return pictures.stripes(seed, chooser.choice((16, 64, 256)))

    def _may_upload(self) -> bool:
        if self._counts["uploaded"] + self._counts["uploaded in chunks"] < UPLOADS_PER_ROUND_MAX:
            return True
        time.sleep(0.01)
        return False

    def _upload_direct(self, chooser: random.Random) -> None:
        if not self._may_upload():
            return
        content = self._picture(chooser)
        reply = self._answer(self.client.upload, content)
        if self._expected(reply, 201):
            self.acks.created(reply.json()["_id"], hashlib.sha256(content).hexdigest())
            self._count("uploaded")

    def _upload_in_chunks(self, chooser: random.Random) -> None:
        if not self._may_upload():
            return
        content = self._picture(chooser)
        body = {"filename": "a.png", "type": "image", "total_size": len(content)}
        reply = self._answer(self.client.send_json, ROOT, body)
        if not self._expected(reply, 201):
            return
        created = reply.json()
        record = UploadRecord(created["upload_id"], created["asset_id"], content, created["chunk_size"])
        self.acks.upload_created(record)
        for part in created["upload_urls"]:
            if not self._sent_chunk(record, part, last=part["chunk_index"] == created["total_chunks"]):
                return

    def _sent_chunk(self, record: UploadRecord, part: dict, last: bool) -> bool:
        reply = self._answer(send_chunk, self.client, record, part)
        if not self._expected(reply, 200):
            return False
        record.etags[part["chunk_index"]] = reply.headers["etag"]
        if last:
            record.completion_sent = True
        reply = self._answer(report_chunk, self.client, record, part["chunk_index"], reply.headers["etag"])
        if not self._expected(reply, 200):
            return False
        self.acks.reported(record.upload_id, part["chunk_index"])
        if bool(reply.json().get("url")) != last:
            raise AssertionError(f"upload {record.upload_id}: completion told at the wrong chunk: {reply.body[:300]!r}")
        if last:
            self.acks.upload_completed(record.upload_id, hashlib.sha256(record.content).hexdigest())
            self._count("uploaded in chunks")
        return True

    def _embed(self, chooser: random.Random) -> None:
        candidates = self.acks.undisturbed()
        if not candidates:
            return
        record = chooser.choice(candidates)
        reply = self._answer(self.client.embed, image_request({"asset_id": record.asset_id}))
        if record.delete_sent and reply.status == 400:
            return
        if self._expected(reply, 200):
            vector = reply.json()["data"][0]["embedding"]
            assert_unit_vector(vector)
            self._count("embedded")
            if fault := self.acks.embedded(record.asset_id, vector):
                raise AssertionError(fault)

    def _delete(self, chooser: random.Random) -> None:
        candidates = self.acks.undisturbed()
        if len(candidates) < 10:
            return
        record = chooser.choice(candidates)
        self.acks.delete_sent(record.asset_id)
        reply = self._answer(self.client.request, "DELETE", f"/assets/{record.asset_id}")
        # 404: another worker chose the same asset at the same moment.
        if self._expected(reply, 204, 404) and reply.status == 204:
            self.acks.deleted(record.asset_id)
            self._count("deleted")


def send_chunk(client: Client, record: UploadRecord, part: dict) -> Reply:
    """PUT one chunk to its URL."""
    return client.request("PUT", part["url"], chunk_of(record, part["chunk_index"]))


def chunk_of(record: UploadRecord, index: int) -> bytes:
    return record.content[(index - 1) * record.chunk_size : index * record.chunk_size]


def report_chunk(client: Client, record: UploadRecord, index: int, etag: str) -> Reply:
    """Tell the server that a chunk was sent."""
    entry = {
        "chunk_index": index,
        "proof": etag.strip('"'),
        "proof_type": "etag",
        "chunk_size": len(chunk_of(record, index)),
    }
    return client.send_json(f"{ROOT}/{record.upload_id}", {"completed_chunks": [entry]})
