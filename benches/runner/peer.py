"""A peer: a server that takes part, described in benches/peers/peers.toml, and one running instance of it."""
from __future__ import annotations

import dataclasses
import os
import pathlib
import random
import shutil
import socket
import tomllib

from . import kernel, processes, site
from .scenario import Scenario

PEERS = pathlib.Path(__file__).resolve().parent.parent / "peers"
LISTEN_PORT_MIN = 10000
PORTS_TRIED_MAX = 100
SAID_BYTES_MAX = 2000
# What nginx may have open at least. It makes room for all of them when it starts, and drops idle ones when less than a sixteenth is left.
CONNECTIONS_MIN = 4096


@dataclasses.dataclass(frozen=True)
class Peer:
    """How it is started, and in what it can take part."""

    name: str
    command: tuple[str, ...]
    version: tuple[str, ...]
    binary: str = ""
    # The folder of the Cargo.toml that builds it, where it is no package of Debian.
    crate: str = ""
    template: str = ""
    package: str = ""
    worker: str = "self"
    serves: tuple[str, ...] = ()
    # What @SENDFILE@ and @LOG@ ("off", "on") and @GZIP@ ("static", "dynamic") stand for.
    sendfile: dict[str, str] = dataclasses.field(default_factory=dict)
    log: dict[str, str] = dataclasses.field(default_factory=dict)
    gzip: dict[str, str] = dataclasses.field(default_factory=dict)

    def program(self) -> str | None:
        """The path of the program; NGINX=/path (the name in capitals) chooses another."""
        if chosen := os.environ.get(self.name.upper()):
            return chosen
        if self.crate == ".":
            return str(site.target() / self.binary)
        if self.crate:
            return str(site.ROOT / self.crate / "target" / "release" / self.binary)
        return shutil.which(self.binary) or shutil.which(self.binary, path="/usr/sbin")

    def takes_part(self, scenario: Scenario) -> bool:
        """nginx and Transom are in every scenario; others where they can serve it."""
        return self.name in ("nginx", "transom") or scenario.group in self.serves

    def version_line(self) -> str:
        """What it says of itself."""
        return processes.said([filled(word, {"@BINARY@": self.program() or self.name}) for word in self.version]) or "unknown"

    def config(self, folder: pathlib.Path, ports: tuple[int, int], scenario: Scenario) -> str:
        """The template, filled in."""
        if not self.template:
            return ""
        places = {
            "@FOLDER@": str(folder), "@PLAIN@": str(ports[0]), "@TLS@": str(ports[1]),
            "@SENDFILE@": self.sendfile.get("on" if scenario.sendfile else "off", ""),
            "@GZIP@": self.gzip.get(scenario.gzip, ""), "@CONNECTIONS@": str(max(CONNECTIONS_MIN, scenario.count * 5 // 2)),
            "@LOG@": filled(self.log.get("on" if scenario.log else "off", ""), {"@FOLDER@": str(folder)}),
        }
        return filled((PEERS / self.template).read_text(), places)


class Server:
    """A running peer."""

    def __init__(self, peer: Peer, folder: pathlib.Path, scenario: Scenario):
        self.peer = peer
        self.ports = free_port(), free_port()
        self.port = self.ports[1] if scenario.tls else self.ports[0]
        self.config = peer.config(folder, self.ports, scenario)
        self.file = file = folder / f"{peer.name}-{peer.template}"
        if peer.template:
            file.write_text(self.config)
        places = {"@BINARY@": peer.program() or peer.name, "@FOLDER@": str(folder), "@CONFIG@": str(file),
                  "@PLAIN@": str(self.ports[0]), "@TLS@": str(self.ports[1])}
        command = [filled(word, places) for word in peer.command]
        self.output = folder / f"{peer.name}.out"
        with open(self.output, "ab") as said:
            self.process = processes.start(processes.SERVER_CPU, command, stdout=said, stderr=said, cwd=folder)

    def wait(self) -> "Server":
        """Until it listens."""
        try:
            for port in self.ports:
                site.wait_for(lambda port=port: accepts(port), self.process)
        except SystemExit as error:
            raise SystemExit(f"{error}\n{self.output.read_text(errors='replace')[-SAID_BYTES_MAX:]}") from None
        if self.peer.worker == "child":
            # It listens before it has started its worker.
            site.wait_for(lambda: kernel.children(self.process.pid), self.process)
        self.pid = kernel.children(self.process.pid)[0] if self.peer.worker == "child" else self.process.pid
        return self

    def stop(self) -> None:
        """Ends it."""
        processes.stop(self.process)


def every() -> dict[str, Peer]:
    """All peers by name; an unknown key is an error."""
    known = {field.name for field in dataclasses.fields(Peer)}
    found = {}
    for table in tomllib.loads((PEERS / "peers.toml").read_text())["peer"]:
        if unknown := set(table) - known:
            raise SystemExit(f"peers.toml: {table['name']}: unknown keys {sorted(unknown)}")
        found[table["name"]] = Peer(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})
    return found


def filled(text: str, places: dict[str, str]) -> str:
    """The text with each place replaced by what it stands for."""
    for place, value in places.items():
        text = text.replace(place, value)
    return text


def accepts(port: int) -> bool:
    """True when somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on, below those that the kernel gives to outgoing connections.

    A probe of a port of that range that is not listened on yet can connect to itself: it then seems to be served, and the server that wants it
    cannot have it."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        first_outgoing = int(file.read().split()[0])
    for port in random.sample(range(LISTEN_PORT_MIN, first_outgoing), PORTS_TRIED_MAX):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise SystemExit(f"no free port between {LISTEN_PORT_MIN} and {first_outgoing}")
