"""A scenario: one table of benches/load/*.toml. It says what is asked and how; nothing here runs anything."""
from __future__ import annotations

import dataclasses
import pathlib
import tomllib

LOAD = pathlib.Path(__file__).resolve().parent.parent / "load"
# The order in which they run and are shown.
FILES = ("static", "tls", "proxy", "memory", "seeds", "page")


@dataclasses.dataclass(frozen=True)
class Scenario:
    """What `shows` and `unequal` say, a reader sees; the rest, the runner does."""

    name: str
    title: str
    shows: str
    group: str
    # "wrk", "h2load", "load …" (a subcommand of our own client), "process", "start" or "page".
    tool: str
    path: str = "/1k.txt"
    headers: tuple[tuple[str, str], ...] = ()
    arguments: tuple[str, ...] = ()
    # What is POSTed, a character a byte; empty: GET.
    content: str = ""
    connections: int = 64
    count: int = 0
    tls: bool = False
    # nginx's: sendfile on, and "static" or "dynamic" gzip.
    sendfile: bool = False
    gzip: str = "static"
    # Whether each side writes an access log.
    log: bool = True
    # Which folder is served: "files" or "spa".
    site: str = "files"
    # "bytes": both sides send the same; "decoded": the same after Content-Encoding is taken off.
    body: str = "bytes"
    unequal: str = ""
    gate: float | None = None
    stretch: float | None = None
    unit: str = "ratio"
    # Its latencies are what it is about: they are measured in every round.
    latency: bool = False
    # Why Transom cannot take part yet. The check before the run must then fail: a scenario whose reason is gone is an error.
    pending: str = ""

    @property
    def is_rate(self) -> bool:
        """True when rounds of load are measured; else single values are."""
        return self.unit == "ratio"

    def described(self) -> dict:
        """What the report needs of it."""
        keys = ("name", "title", "group", "shows", "unequal", "gate", "stretch", "unit")
        return {key: getattr(self, key) for key in keys} | ({"pending": self.pending} if self.pending else {})


def every() -> list[Scenario]:
    """All scenarios, in order."""
    return [scenario for name in FILES for scenario in read(LOAD / f"{name}.toml")]


def read(path: pathlib.Path) -> list[Scenario]:
    """The scenarios of one file; an unknown key is an error."""
    known = {field.name for field in dataclasses.fields(Scenario)}
    found = []
    for name, table in tomllib.loads(path.read_text()).items():
        table = {("tool" if key == "with" else key): value for key, value in table.items()}
        if unknown := set(table) - known:
            raise SystemExit(f"{path}: [{name}]: unknown keys {sorted(unknown)}")
        table["headers"] = tuple(table.get("headers", {}).items())
        table["arguments"] = tuple(table.get("arguments", ()))
        found.append(Scenario(name=name, **table))
    return found


def chosen(names: str) -> list[Scenario]:
    """Those that `names` (comma-separated; "s5" is also every "s5-…") asks for; all, when it is empty."""
    known = every()
    if not names:
        return known
    picked: list[Scenario] = []
    for name in names.replace(" ", ",").split(","):
        matches = [scenario for scenario in known if scenario.name == name or scenario.name.startswith(f"{name}-")]
        if name and not matches:
            raise SystemExit(f"no scenario is called {name}; there are: {', '.join(scenario.name for scenario in known)}")
        picked += [scenario for scenario in matches if scenario not in picked]
    return picked
