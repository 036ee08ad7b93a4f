#!/usr/bin/env python3
"""Does to the tables of the bench `observe` with deltalake what the bench does with Headwater.

    deltalake_side.py PROGRAM quiet|cold|next|load ...

Called by the bench, with the bench's own program first and then the words that the program itself
takes. The last line is what was found, as JSON.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import time

import pyarrow
import pyarrow.compute
from deltalake import DeltaTable

WATCHED = "updated_at"


def peak_mib() -> float:
    status = pathlib.Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def place(lake: str, number: int) -> str:
    return f"{lake}/table_{number:05}"


def quiet(_program: str, lake: str, count: str, passes: str) -> dict:
    tables = [DeltaTable(place(lake, number)) for number in range(int(count))]
    spent, walls = [], []
    for _ in range(int(passes)):
        wall, cpu = time.perf_counter(), time.process_time()
        for table in tables:
            table.update_incremental()
        spent.append((time.process_time() - cpu) * 1e6 / len(tables))
        walls.append((time.perf_counter() - wall) * 1e6 / len(tables))
    return {"us": statistics.median(spent), "wall_us": statistics.median(walls)}


def spelled(at) -> str:
    fraction = f".{at.microsecond:06}".rstrip("0").rstrip(".")
    return at.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def full(table: DeltaTable) -> dict:
    """What the files come to, from what the log says of them."""
    actions = pyarrow.table(table.get_add_actions(flatten=True))
    lowest = pyarrow.compute.min(actions[f"min.{WATCHED}"]).as_py()
    highest = pyarrow.compute.max(actions[f"max.{WATCHED}"]).as_py()
    return {
        "version": table.version(),
        "files": actions.num_rows,
        "rows": pyarrow.compute.sum(actions["num_records"]).as_py(),
        "partitions": len(pyarrow.compute.unique(actions["partition.day"])),
        "min": spelled(lowest),
        "max": spelled(highest),
    }


def cold(_program: str, what: str, path: str, times: str) -> dict:
    idle = peak_mib()
    peak, said = None, None
    spent, walls = [], []
    for _ in range(int(times)):
        wall, cpu = time.perf_counter(), time.process_time()
        if what == "full":
            said = full(DeltaTable(path))
        else:
            said = {"version": DeltaTable(path).version()}
        spent.append((time.process_time() - cpu) * 1e3)
        walls.append((time.perf_counter() - wall) * 1e3)
        peak = peak or peak_mib()
    return {
        "ms": statistics.median(spent),
        "wall_ms": statistics.median(walls),
        "peak_mib": peak,
        "idle_mib": idle,
        "says": said,
    }


def next_commit(_program: str, path: str, times: str) -> dict:
    log = pathlib.Path(path, "_delta_log")
    table = DeltaTable(path)
    first = table.version() + 1
    text = (log / f"{first - 1:020}.json").read_text()
    add = next(json.loads(line)["add"] for line in text.splitlines() if '"add"' in line)
    spent = []
    for version in range(first, first + int(times)):
        # Another file each, all else as in the newest commit.
        (log / f"{version:020}.json").write_text(text.replace(add["path"], f"{version}-{add['path']}"))
        cpu = time.process_time()
        table.update_incremental()
        spent.append((time.process_time() - cpu) * 1e6)
        assert table.version() == version
    for version in range(first, first + int(times)):
        (log / f"{version:020}.json").unlink()
    return {"us": statistics.median(spent)}


def load(program: str, lake: str, count: str, seconds: str, pause: str) -> dict:
    tables = [DeltaTable(place(lake, number)) for number in range(int(count))]
    notes = pathlib.Path(lake, "notes.tsv")
    writer = subprocess.Popen([program, "write", lake, count, seconds, str(notes)])
    seen, passes = {}, 0
    known = [table.version() for table in tables]
    begun, spent = time.monotonic(), time.process_time()
    while True:
        since = time.monotonic()
        is_last = writer.poll() is not None
        for table in tables:
            table.update_incremental()
        ended = time.monotonic_ns()
        for number, table in enumerate(tables):
            version = table.version()
            for new in range(known[number] + 1, version + 1):
                seen[number, new] = ended
            known[number] = version
        passes += 1
        if is_last:
            break
        time.sleep(max(0, int(pause) / 1000 - (time.monotonic() - since)))
    share = (time.process_time() - spent) / (time.monotonic() - begun)
    lines = [tuple(map(int, line.split())) for line in notes.read_text().splitlines()]
    notes.unlink()
    waited = [(seen[table, version] - at) / 1e6 for table, version, at in lines]
    third = len(waited) // 3
    ordered = sorted(waited)
    at = lambda share: ordered[-(-(len(ordered) - 1) * share // 100)]
    return {
        "passes": passes,
        "median_ms": at(50),
        "p99_ms": at(99),
        "longest_ms": at(100),
        "first_third_ms": statistics.median(waited[:third]),
        "last_third_ms": statistics.median(waited[-third:]),
        "cpu_percent": share * 100,
        "peak_mib": peak_mib(),
    }


if __name__ == "__main__":
    program, what, *rest = sys.argv[1:]
    measure = {"quiet": quiet, "cold": cold, "next": next_commit, "load": load}[what]
    print(json.dumps(measure(program, *rest)))
