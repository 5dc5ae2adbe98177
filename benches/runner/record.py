"""The folder of a result: raw figures as CSV, what was run as JSON. Written after every scenario, so that a run that is cut short keeps what it has."""
from __future__ import annotations

import csv
import json
import pathlib

ROUNDS = ("scenario", "peer", "round", "seconds", "completed", "errors", "cpu_ns", "per_second", "p50_us", "p90_us", "p99_us", "p999_us",
          "generator_cpu", "server_cpu", "pss_kib", "stolen")
LATENCY = ("scenario", "peer", "round", "percentile", "us")
VALUES = ("scenario", "peer", "what", "run", "value", "unit")


class Record:
    """Rows that are collected for one scenario and then written."""

    def __init__(self, folder: pathlib.Path, facts: dict):
        self.folder, self.facts = folder, facts | {"scenarios": []}
        (folder / "configs").mkdir(parents=True, exist_ok=True)
        self.files = {"rounds": ROUNDS, "latency": LATENCY, "values": VALUES}
        self.rows: dict[str, list[dict]] = {name: [] for name in self.files}
        for name, columns in self.files.items():
            with open(folder / f"{name}.csv", "w", newline="") as file:
                csv.DictWriter(file, columns).writeheader()
        self._facts()

    def row(self, file: str, **cells) -> None:
        """Keeps a row until the scenario is kept."""
        self.rows[file].append(cells)

    def value(self, scenario: str, peer: str, what: str, run: int, measured: tuple[float, str]) -> None:
        """A single figure with its unit."""
        number, unit = measured
        self.row("values", scenario=scenario, peer=peer, what=what, run=run, value=round(number, 3), unit=unit)

    def config(self, name: str, text: str) -> None:
        """Keeps a config as it was used."""
        if text:
            (self.folder / "configs" / name).write_text(text)

    def note(self, text: str) -> None:
        """A sentence for the reader of the report."""
        if text not in self.facts["notes"]:
            self.facts["notes"].append(text)
            self._facts()

    def keep(self, described: dict) -> None:
        """The scenario is finished: its rows go to disk."""
        self.facts["scenarios"].append(described)
        for name, columns in self.files.items():
            with open(self.folder / f"{name}.csv", "a", newline="") as file:
                csv.DictWriter(file, columns).writerows(self.rows[name])
            self.rows[name].clear()
        self._facts()

    def drop(self) -> None:
        """The scenario was not finished: its rows are not kept."""
        for rows in self.rows.values():
            rows.clear()
        self._facts()

    def _facts(self) -> None:
        (self.folder / "run.json").write_text(json.dumps(self.facts, indent=2, ensure_ascii=False) + "\n")
