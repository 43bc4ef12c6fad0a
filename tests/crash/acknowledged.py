"""What the server acknowledged: an fsynced log, and the state that follows from it."""

import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class AssetRecord:
    """An asset whose creation was acknowledged."""

    asset_id: str
    sha256: str
    delete_sent: bool = False
    deleted: bool = False
    vector: list[float] | None = None


@dataclass
class UploadRecord:
    """An upload in chunks whose creation was acknowledged and that is not yet complete."""

    upload_id: str
    asset_id: str
    content: bytes
    chunk_size: int
    etags: dict[int, str] = field(default_factory=dict)
    reported: set[int] = field(default_factory=set)
    completion_sent: bool = False


class AckLog:
    """Thread-safe; a line is on disk before the state changes that it stands for."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.Lock()
        self.assets: dict[str, AssetRecord] = {}
        self.uploads: dict[str, UploadRecord] = {}
        self.touched: set[str] = set()
        self.acknowledgements = 0

    def _write(self, *words: str) -> None:
        line = " ".join((f"{time.time():.6f}", *words)) + "\n"
        os.write(self._file, line.encode())
        os.fsync(self._file)
        self.acknowledgements += 1

    def created(self, asset_id: str, sha256: str) -> None:
        with self._lock:
            self._write("created", asset_id, sha256)
            self.assets[asset_id] = AssetRecord(asset_id, sha256)
            self.touched.add(asset_id)

    def delete_sent(self, asset_id: str) -> None:
        """Not an acknowledgement: from now on the asset may or may not exist."""
        with self._lock:
            self.assets[asset_id].delete_sent = True
            self.touched.add(asset_id)

    def deleted(self, asset_id: str) -> None:
        with self._lock:
            self._write("deleted", asset_id)
            self.assets[asset_id].deleted = True

    def embedded(self, asset_id: str, vector: list[float]) -> str | None:
        """The vector of an asset; a text when it differs from an earlier one."""
        with self._lock:
            record = self.assets[asset_id]
            if record.vector is None:
                self._write("embedded", asset_id)
                record.vector = vector
            return None if record.vector == vector else f"asset {asset_id} has another vector than before"

    def upload_created(self, record: UploadRecord) -> None:
        with self._lock:
            self._write("upload", record.upload_id, record.asset_id)
            self.uploads[record.upload_id] = record

    def reported(self, upload_id: str, index: int) -> None:
        with self._lock:
            self._write("reported", upload_id, str(index))
            self.uploads[upload_id].reported.add(index)

    def upload_completed(self, upload_id: str, sha256: str) -> None:
        with self._lock:
            asset_id = self.uploads[upload_id].asset_id
        self.created(asset_id, sha256)
        with self._lock:
            del self.uploads[upload_id]

    def undisturbed(self) -> list[AssetRecord]:
        """Acknowledged assets that nobody has asked to delete."""
        with self._lock:
            return [record for record in self.assets.values() if not record.delete_sent]

    def taken_touched(self) -> set[str]:
        """The assets that changed since the last call."""
        with self._lock:
            touched, self.touched = self.touched, set()
            return touched

    def summary(self) -> str:
        deleted = sum(record.deleted for record in self.assets.values())
        return (
            f"{self.acknowledgements} acknowledgements: {len(self.assets)} assets created, {deleted} deleted, "
            f"{len(self.uploads)} uploads left open"
        )

    def close(self) -> None:
        os.close(self._file)
