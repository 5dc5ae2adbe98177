"""Where and on what it was measured."""
from __future__ import annotations

import datetime
import os
import pathlib
import platform
import re
import shlex
import sys

from .peer import Peer
from .processes import said
from .site import ROOT


def facts(peers: list[Peer]) -> dict:
    """The part of run.json that is known before the run."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": name(),
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "congestion": congestion(),
        "commit": said(["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]),
        "dirty": bool(said(["git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no"])),
        "command": shlex.join(sys.argv),
        "versions": {peer.name: peer.version_line() for peer in peers} | {
            "wrk": said(["wrk", "-v"]).split(" Copyright")[0], "h2load": said(["h2load", "--version"]), "chromium": said(["chromium", "--version"]),
            "openssl": said(["openssl", "version"]), "rustc": said(["rustc", "--version"])},
        "notes": [],
    }


def name() -> str:
    """A short name for the kind of machine: the processor and the count of cores."""
    words = re.sub(r"\(R\)|\(TM\)|CPU|Processor|@.*|\d+-Core", "", cpu()).split()
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words[:4]).lower()).strip("-") + f"-{os.cpu_count()}c"


def congestion() -> str:
    """How the kernel's TCP finds its pace: `bbr` sends by timers, which large responses pay for."""
    return pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()


def cpu() -> str:
    """The model of the processor."""
    with open("/proc/cpuinfo") as file:
        found = re.search(r"^model name\s*:\s*(.+)$", file.read(), re.M)
    return found.group(1).strip() if found else platform.machine()
