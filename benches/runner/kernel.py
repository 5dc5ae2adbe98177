"""What the kernel knows of a process: time on the CPU, memory, children."""
from __future__ import annotations

import os
import re
import time

# A clock of another process, as clock_getcpuclockid(3) makes it: the complement of its id, and what is counted.
CPUCLOCK_SCHED = 2


def on_cpu_ns(pid: int) -> int:
    """Nanoseconds that all threads of `pid` have run, those that have ended too: /proc/PID/task has only the others, and without the thread that has
    compressed the files in the background, say, the sum would fall while it is being measured."""
    return time.clock_gettime_ns(~pid << 3 | CPUCLOCK_SCHED)


def stolen_seconds() -> float:
    """Seconds that the host of a virtual machine has taken from all cores together since the start: `steal` of proc_stat(5)."""
    with open("/proc/stat") as file:
        return int(file.readline().split()[8]) / os.sysconf("SC_CLK_TCK")


def pss_kib(pid: int) -> int:
    """Proportional set size of a process and its children: pages that they share count once."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        own = int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M).group(1))
    return own + sum(pss_kib(child) for child in children(pid))


def children(pid: int) -> list[int]:
    """Process ids of the direct children."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]
