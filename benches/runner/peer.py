"""A peer: a server that takes part, described in benches/peers/peers.toml, and one running instance of it."""
from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import socket
import subprocess
import tomllib

from . import kernel, processes, site
from .scenario import Scenario

PEERS = pathlib.Path(__file__).resolve().parent.parent / "peers"
ON_THE_FLY = ("gzip on; gzip_comp_level 6; gzip_min_length 256; gzip_vary on; gzip_proxied any; "
              "gzip_types text/css application/javascript text/javascript application/json image/svg+xml application/manifest+json text/plain;")


@dataclasses.dataclass(frozen=True)
class Peer:
    """How it is started, and in what it can take part."""

    name: str
    command: tuple[str, ...]
    version: tuple[str, ...]
    template: str = ""
    package: str = ""
    worker: str = "self"
    serves: tuple[str, ...] = ()

    def binary(self) -> str | None:
        """The path of the program; NGINX=/path (the name in capitals) chooses another."""
        if chosen := os.environ.get(self.name.upper()):
            return chosen
        if self.name == "transom":
            return str(site.target() / "transom")
        if self.name == "pingora":
            found = PEERS / "pingora" / "target" / "release" / "pingora-peer"
            return str(found) if found.exists() else None
        return shutil.which(self.name) or shutil.which(self.name, path="/usr/sbin")

    def version_line(self) -> str:
        """What it says of itself."""
        command = [word.replace("@BINARY@", self.binary() or self.name) for word in self.version]
        try:
            said = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            return str(error)
        return next((line.strip() for line in (said.stdout + said.stderr).splitlines() if line.strip()), "unknown")

    def config(self, folder: pathlib.Path, ports: tuple[int, int], scenario: Scenario) -> str:
        """The template, filled in."""
        if not self.template:
            return ""
        places = {
            "@FOLDER@": str(folder), "@PLAIN@": str(ports[0]), "@TLS@": str(ports[1]),
            "@SENDFILE@": "sendfile on; tcp_nopush on;" if scenario.sendfile else "sendfile off;",
            "@GZIP@": ON_THE_FLY if scenario.gzip == "dynamic" else "gzip_static on; gzip_vary on;",
        }
        text = (PEERS / self.template).read_text()
        for place, value in places.items():
            text = text.replace(place, value)
        return text


class Server:
    """A running peer."""

    def __init__(self, peer: Peer, folder: pathlib.Path, scenario: Scenario):
        self.peer = peer
        self.ports = free_port(), free_port()
        self.port = self.ports[1] if scenario.tls else self.ports[0]
        config = peer.config(folder, self.ports, scenario)
        self.config_path = folder / f"{peer.name}-{scenario.name}{pathlib.Path(peer.template).suffix}"
        self.config_path.write_text(config)
        places = {"@BINARY@": peer.binary() or peer.name, "@CONFIG@": str(self.config_path), "@FOLDER@": str(folder),
                  "@PLAIN@": str(self.ports[0]), "@TLS@": str(self.ports[1])}
        command = list(peer.command)
        for place, value in places.items():
            command = [word.replace(place, value) for word in command]
        self.said = open(folder / f"{peer.name}.out", "ab")
        self.process = processes.start(processes.SERVER_CPU, command, stdout=self.said, stderr=self.said, cwd=folder)

    def wait(self) -> "Server":
        """Until it listens."""
        for port in self.ports:
            site.wait_for(lambda port=port: accepts(port), self.process)
        self.pid = self.process.pid if self.peer.worker == "self" else kernel.children(self.process.pid)[0]
        return self

    def stop(self) -> None:
        """Ends it."""
        processes.stop(self.process)
        self.said.close()


def every() -> dict[str, Peer]:
    """All peers by name."""
    tables = tomllib.loads((PEERS / "peers.toml").read_text())
    known = {field.name for field in dataclasses.fields(Peer)}
    return {name: Peer(name=name, **{key: tuple(value) if isinstance(value, list) else value for key, value in table.items() if key in known and key != "name"})
            for name, table in tables.items()}


def accepts(port: int) -> bool:
    """True when somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
