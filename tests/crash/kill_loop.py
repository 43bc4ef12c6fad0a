"""Kill a busy onespace again and again and check that nothing that it acknowledged is lost.

    python3 kill_loop.py --server ../../target/release/onespace --kills 30 --seed 7

Workers upload (direct and in chunks), embed and delete at the same time. Every 2xx answer is written to an
acknowledgement log and fsynced. At a random moment the server gets SIGKILL; it is started again on the same
data directory, and then:

- every acknowledged asset is listed and retrieved with the SHA-256 of the bytes that were sent, a file with
  that SHA-256 lies below `blobs/`, and the asset can be embedded by its id, to the same vector as before;
- every acknowledged delete stays deleted;
- whatever else is listed (uploads whose answer was cut off) is whole: `ready`, with its file, embeddable;
- every acknowledged chunk report is still counted, and the upload can be finished.

Standard library only. The last line reads `N passed, N failed`, where N counts kills; the exit status is 0
only when none failed. SIGKILL leaves the page cache in place, so this proves nothing about power loss.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "sdk_python"))

from acknowledged import AckLog  # noqa: E402
from harness.server import OnespaceServer, ServerFailed  # noqa: E402
from harness.wire import Client  # noqa: E402
from verification import Verification  # noqa: E402
from workers import WORKERS, Load  # noqa: E402

SHORTEST_RUN_S = 0.05
LONGEST_RUN_S = 3.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", type=Path, required=True, help="the onespace binary")
    parser.add_argument("--kills", type=int, default=30, help="how often to kill the server (default 30)")
    parser.add_argument("--seed", type=int, default=None, help="seed of the random choices (default: a new one)")
    parser.add_argument("--folder", type=Path, default=None, help="keep data, logs and acknowledgements here")
    return parser.parse_args()


class KillLoop:
    """One data directory, and the rounds of load, kill, restart and verification on it."""

    def __init__(self, binary: Path, folder: Path, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.acks = AckLog(folder / "acknowledged.log")
        self.server = OnespaceServer(binary.resolve(), folder / "data", folder / "server.log")
        self.server.start()
        self.key = self.server.api_key()
        self.slowest_restart_s = 0.0

    def client(self) -> Client:
        return Client(self.server.base_url, self.key, timeout_s=30.0)

    def round(self, number: int, last: bool) -> list[str]:
        """One kill; returns what was wrong afterwards."""
        load = Load(self.acks, self.client(), f"{self.seed}/{number}")
        load.start()
        time.sleep(self.random.uniform(SHORTEST_RUN_S, LONGEST_RUN_S))
        load.server_dies()
        self.server.kill()
        faults = load.join()
        started = time.monotonic()
        self.server.start()
        restart_s = time.monotonic() - started
        self.slowest_restart_s = max(self.slowest_restart_s, restart_s)
        verification = Verification(self.acks, self.client(), self.server.data_dir)
        faults += verification.run(everything=last)
        print(
            f"kill {number:3}: {load.counts()}, restart {restart_s:.2f} s, "
            f"{verification.checked} assets checked, {len(faults)} faults",
            flush=True,
        )
        return faults


def main() -> int:
    options = arguments()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}, {options.kills} kills, {WORKERS} workers", flush=True)
    temporary = tempfile.TemporaryDirectory(prefix="onespace-kill-") if options.folder is None else None
    folder = options.folder or Path(temporary.name)
    folder.mkdir(parents=True, exist_ok=True)
    passed = failed = 0
    loop = KillLoop(options.server, folder, seed)
    try:
        for number in range(1, options.kills + 1):
            faults = loop.round(number, last=number == options.kills)
            for fault in faults:
                print(f"  FAULT after kill {number} (seed {seed}): {fault}", flush=True)
            passed, failed = (passed, failed + 1) if faults else (passed + 1, failed)
    except ServerFailed as failure:
        print(f"  FAULT (seed {seed}): the server did not come back: {failure}", flush=True)
        failed += options.kills - passed - failed
    finally:
        if loop.server.process.poll() is None:
            loop.server.kill()
        loop.acks.close()
    print(f"{loop.acks.summary()}, slowest restart {loop.slowest_restart_s:.2f} s")
    if temporary is not None:
        temporary.cleanup()
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
