"""What the machine is, by features and not by name, and how processes are held to its cores."""

import json
import os
import re
import subprocess
from importlib import metadata
from pathlib import Path

# The features that decide which kernels an engine has.
FEATURES = (
    "avx2",
    "fma",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "bf16",
    "i8mm",
)
# Variables by which the engines learn how many threads they have.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


def features() -> set[str]:
    """The names of the processor's features that matter here."""
    text = Path("/proc/cpuinfo").read_text()
    flags = set(re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)[1].split())
    return flags & set(FEATURES)


def has_bf16() -> bool:
    """Whether the processor multiplies bf16 itself."""
    return bool(features() & {"amx_bf16", "avx512_bf16", "bf16"})


def description() -> dict:
    """The machine in words that name no host."""
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:(.*)$", text, re.MULTILINE)
    memory_kib = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1])
    return {
        "processor": model[1].strip() if model else "unknown",
        "cores": len(os.sched_getaffinity(0)),
        "features": sorted(features()),
        "memory_gib": round(memory_kib / 2**20),
    }


def cores(threads: int) -> list[int]:
    """The first `threads` cores that this process may use."""
    available = sorted(os.sched_getaffinity(0))
    if threads > len(available):
        raise SystemExit(f"{threads} threads asked for, {len(available)} cores here")
    return available[:threads]


def pinned(command: list[str], threads: int) -> list[str]:
    """`command`, held to the first `threads` cores."""
    return ["taskset", "--cpu-list", ",".join(map(str, cores(threads))), *command]


def environment(threads: int) -> dict[str, str]:
    """The environment for a process of `threads` threads."""
    return os.environ | {variable: str(threads) for variable in THREAD_VARIABLES}


def printed(command: list, threads: int) -> dict:
    """The JSON that a command prints, held to the first `threads` cores."""
    command = pinned([str(word) for word in command], threads)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment(threads))
    return json.loads(done.stdout)


def memory_peak_mib(process_id: int) -> float:
    """The most memory that a process has held, in MiB; 0 of one that has just ended."""
    try:
        found = re.search(r"VmHWM:\s*(\d+)", Path(f"/proc/{process_id}/status").read_text())
    except OSError:
        found = None
    return int(found[1]) / 1024 if found else 0.0


def busy_seconds(threads: int) -> float:
    """Time that the first `threads` cores have worked so far, for whomever."""
    wanted = {f"cpu{core}" for core in cores(threads)}
    ticks = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *times = line.split()
        if name in wanted:
            # All but idle and waiting for disks; what the host took away counts as busy.
            ticks += sum(map(int, times[:3])) + sum(map(int, times[5:8]))
    return ticks / os.sysconf("SC_CLK_TCK")


def own_seconds(process_id: int) -> float:
    """Time on the processor of one process, and of its children that have ended."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def peak_gflop_per_s(yardstick: Path, threads: int) -> dict[str, float]:
    """What the cores could do at most: the program `yardstick` measures it, by unit."""
    return printed([yardstick, "peak", threads], threads)


def versions() -> dict[str, str]:
    """The releases of the engines."""
    packages = ("torch", "transformers", "onnxruntime", "openvino", "nncf")
    found = {package: metadata.version(package) for package in packages}
    lock = (Path(__file__).parent / "candle-peer/Cargo.lock").read_text()
    return found | {"candle": re.search(r'name = "candle-core"\nversion = "([^"]+)"', lock)[1]}
