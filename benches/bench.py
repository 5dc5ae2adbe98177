#!/usr/bin/env python3
"""The comparison with nginx: `make bench`, `make bench SCENARIO=s5,s8 ROUNDS=7 PEERS=caddy`. See benches/README.md for the method.

Both servers run with one worker on CPU 0, the load on CPU 1, in turns. What counts is CPU time per request, from the kernel; the ratio is
nginx / Transom, the median over the rounds: above 1, Transom needs less.
"""
from __future__ import annotations

import sys

if sys.version_info < (3, 11):
    sys.exit("the benchmarks need Python 3.11 (Debian 12, Ubuntu 24.04) or newer, for its TOML reader")

import argparse
import dataclasses
import datetime
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import report
from runner import generator, machine, page, peer, processes, rounds, scenario, still, verify
from runner.progress import Progress
from runner.record import Record
from runner.rounds import Effort
from runner.site import ROOT, Ground, target

PAGE_SECONDS_MAX = 20.0
# A browser takes seconds to start; its counts of bytes and requests do not vary.
PAGE_ROUNDS_MAX = 7
STILL_SECONDS = 2.0
PROFILE_SECONDS = 6


def main() -> int:
    arguments = parse()
    if arguments.compare:
        report.compare(pathlib.Path(arguments.compare[0]), pathlib.Path(arguments.compare[1]), sys.stdout)
        return 0
    # Ctrl-C (which a shell ignores for background jobs), `kill` and a closed terminal end alike: nothing is left running, what is finished is kept.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    processes.allow_files()
    peers = take_part(arguments.peers)
    # All write a log, or none: of some peers it is not known here how they would.
    log = arguments.log == "on" and all("on" in each.log for each in peers)
    scenarios = [dataclasses.replace(entry, log=log) for entry in scenario.chosen(arguments.scenarios)]
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("the benchmarks need two CPUs: one for the servers, one for the load")
    effort = Effort(1, 1.0, 50) if arguments.smoke else Effort(arguments.rounds, arguments.seconds)
    base = pathlib.Path(tempfile.mkdtemp(prefix="transom-bench-"))
    try:
        if arguments.profile:
            return profile(scenarios[0], peers[-1], base, arguments.folder)
        return measure(scenarios, peers, effort, base, arguments)
    finally:
        processes.stop_all()
        shutil.rmtree(base, ignore_errors=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="?", default="", help="names, comma-separated; s5 is every s5-…; none is all")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each round and server")
    parser.add_argument("--peers", default="", help="further peers: caddy,haproxy,h2o,pingora")
    parser.add_argument("--log", choices=("on", "off"), default="on", help="access logs, of all peers or of none")
    parser.add_argument("--folder", type=pathlib.Path, help="where the result goes; benches/results/DATE-MACHINE")
    parser.add_argument("--smoke", action="store_true", help="a few requests of everything, no verdict")
    parser.add_argument("--profile", action="store_true", help="a flame graph and system calls of Transom under the first scenario")
    parser.add_argument("--compare", nargs=2, metavar=("A", "B"), help="two results side by side")
    return parser.parse_args()


def take_part(further: str) -> list[peer.Peer]:
    """nginx and Transom, and who else was asked for; a missing one is an error that names its package."""
    known, names = peer.every(), ["nginx", "transom", *filter(None, further.replace(" ", ",").split(","))]
    if os.environ.get("BASE") and "base" not in names:
        names.append("base")
    for name in names:
        if name not in known:
            raise SystemExit(f"no peer is called {name}; there are: {', '.join(known)}")
        if not (binary := known[name].program()) or not pathlib.Path(binary).exists():
            how = f"apt-get install {known[name].package}" if known[name].package else "make bench builds it"
            raise SystemExit(f"{name} is not there: {how}")
    for name in ("api", "load"):
        if not (target() / name).exists():
            raise SystemExit(f"{target() / name} is not there: cargo build --release --workspace")
    return [known[name] for name in names]


def measure(scenarios: list[scenario.Scenario], peers: list[peer.Peer], effort: Effort, base: pathlib.Path, arguments: argparse.Namespace) -> int:
    facts = machine.facts(peers) | {"rounds": effort.rounds, "seconds": effort.seconds}
    facts["notes"].append(f"access logs: {'on' if scenarios[0].log else 'off'}")
    day = datetime.date.today().isoformat()
    folder = arguments.folder or free(ROOT / "benches" / "results" / f"{day}-{facts['machine']}")
    record, failed = Record(folder, facts), []
    progress = Progress(sum(planned(entry, peers, effort) for entry in scenarios))
    cut_short = False
    try:
        ground = Ground(base)
        for entry in scenarios:
            progress.show(entry.name)
            part = [other for other in peers if other.takes_part(entry)]
            try:
                run(entry, part, ground, (effort, record, progress))
                record.keep(entry.described())
            except verify.Differs as differs:
                record.drop()
                record.note(f"not measured: {entry.pending} ({differs})" if entry.pending else f"REFUSED: {differs}")
                failed += [] if entry.pending else [str(differs)]
            else:
                failed += [f"{entry.name}: is marked as pending, but both sides answer alike: take the mark away"] if entry.pending else []
            progress.clear()
            print(f"{entry.name}: done", file=sys.stderr)
    except KeyboardInterrupt:
        cut_short = True
        record.drop()
        record.note("stopped before its end: not all scenarios were measured")
    finally:
        processes.stop_all()
    progress.clear()
    report.write(folder)
    report.table(folder, sys.stdout)
    for text in failed:
        print(f"refused: {text}", file=sys.stderr)
    print(f"\n{folder / 'index.html'}")
    return 130 if cut_short else 1 if failed else 0


def run(entry: scenario.Scenario, peers: list[peer.Peer], ground: Ground, how: tuple[Effort, Record, Progress]) -> None:
    """One scenario, start to stop."""
    effort, record, progress = how
    if entry.tool in ("process", "start") or entry.tool == "load idle":
        for each in peers:
            still.run(entry, each, ground, effort, record)
            progress.advance(planned(entry, [each], effort))
        return
    try:
        servers = rounds.start(peers, ground, entry)
        for server in servers:
            record.config(f"{entry.name}-{server.file.name}", server.config)
        if entry.tool == "page":
            pages(entry, servers, ground, (effort, record))
            progress.advance(planned(entry, peers, effort))
        else:
            rounds.run(entry, rounds.check(entry, servers, record), ground, effort, record, progress)
    finally:
        for process in processes.others(ground.api):
            processes.stop(process)


def pages(entry: scenario.Scenario, servers: list[peer.Server], ground: Ground, how: tuple[Effort, Record]) -> None:
    """The demo app in a browser, from each server."""
    effort, record = how
    spki = page.spki_of(str(ground.base / "cert.pem"))
    for turn in range(1, (1 if effort.requests else min(effort.rounds, PAGE_ROUNDS_MAX)) + 1):
        for server in servers:
            figures = page.measure(server.ports[1], spki, 1, PAGE_SECONDS_MAX)
            for what, unit in (("bytes", "B"), ("requests", "requests"), ("ms", "ms")):
                for state in ("cold", "warm"):
                    name = f"{state} {'load' if what == 'ms' else what}"
                    record.value(entry.name, server.peer.name, name, turn, (getattr(figures, f"{state}_{what}")[-1], unit))


def profile(entry: scenario.Scenario, which: peer.Peer, base: pathlib.Path, folder: pathlib.Path | None) -> int:
    """Loads Transom alone and looks at it with perf and strace."""
    if not entry.is_rate:
        raise SystemExit(f"{entry.name} puts no load on a server: there is nothing to profile")
    out = folder or ROOT / "target" / "profile"
    out.mkdir(parents=True, exist_ok=True)
    ground = Ground(base)
    server = rounds.start([which], ground, entry)[0]
    processes.start(processes.LOAD_CPU, generator.command(entry, server, PROFILE_SECONDS * 3, 0, base / "extra"))
    return subprocess.run([str(ROOT / "benches" / "profile.sh"), str(server.pid), str(PROFILE_SECONDS), str(out), entry.name], check=False).returncode


def planned(entry: scenario.Scenario, peers: list[peer.Peer], effort: Effort) -> float:
    """Seconds that a scenario will take, about."""
    part = sum(other.takes_part(entry) for other in peers)
    if entry.is_rate:
        return part * ((effort.rounds + rounds.alone_rounds(entry, effort)) * effort.seconds + rounds.WARM_SECONDS)
    return part * STILL_SECONDS * min(effort.rounds, still.TURNS_MAX)


def free(folder: pathlib.Path) -> pathlib.Path:
    """The folder, or the first with a number that is not there."""
    number, candidate = 2, folder
    while candidate.exists():
        candidate, number = folder.with_name(f"{folder.name}-{number}"), number + 1
    return candidate


if __name__ == "__main__":
    sys.exit(main())
