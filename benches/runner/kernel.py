"""What the kernel knows of a process: time on the CPU, memory, children."""
from __future__ import annotations

import glob
import re


def on_cpu_ns(pid: int) -> int:
    """Nanoseconds that all threads of `pid` have run."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as file:
                total += int(file.read().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # A thread ended between the list and the look.
    return total


def pss_kib(pid: int) -> int:
    """Proportional set size of a process and its children: pages that they share count once."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        own = int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M).group(1))
    return own + sum(pss_kib(child) for child in children(pid))


def children(pid: int) -> list[int]:
    """Process ids of the direct children."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]
