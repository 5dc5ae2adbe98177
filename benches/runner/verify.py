"""Before anything is measured: both sides must answer alike. One response of each is compared: status, headers, bytes, and what TLS agreed on."""
from __future__ import annotations

import dataclasses
import re
import subprocess
import tempfile

from .peer import Server
from .scenario import Scenario

# Named differently by every server, or only another spelling of the same: not a difference in work.
NOT_COMPARED = {"date", "server", "etag", "last-modified", "connection", "keep-alive", "accept-ranges", "via", "alt-svc"}
CURL_SECONDS_MAX = "10"


class Differs(Exception):
    """The two sides do not answer alike; the text says in what."""


@dataclasses.dataclass
class Response:
    """What curl saw."""

    status: int
    headers: dict[str, str]
    body: bytes
    tls: str


def compare(scenario: Scenario, servers: list[Server]) -> tuple[dict[str, int], dict[str, str]]:
    """The bytes of each body, and of the further peers those that do not answer like the first server, with the reason.

    Raises [`Differs`] when Transom does not: then there is nothing to compare."""
    first = fetch(scenario, servers[0], decode=False)
    sizes, odd = {servers[0].peer.name: len(first.body)}, {}
    for server in servers[1:]:
        name, response = server.peer.name, fetch(scenario, server, decode=False)
        said = differences(scenario, first, response)
        if scenario.body == "bytes" and first.body != response.body:
            said.append(f"body: {len(first.body)} and {len(response.body)} bytes that are not the same")
        if scenario.body == "decoded" and fetch(scenario, servers[0], decode=True).body != fetch(scenario, server, decode=True).body:
            said.append("body: not the same after decoding")
        text = f"{scenario.name}: {servers[0].peer.name} and {name} differ: " + "; ".join(said)
        if said and name == "transom":
            raise Differs(text)
        if said:
            odd[name] = text
        else:
            sizes[name] = len(response.body)
    return sizes, odd


def differences(scenario: Scenario, first: Response, other: Response) -> list[str]:
    """What differs in status, headers and TLS."""
    said = []
    if first.status != other.status or first.status != 200:
        said.append(f"status: {first.status} and {other.status}")
    ignored = NOT_COMPARED | ({"content-length", "transfer-encoding"} if scenario.body == "decoded" else set())
    for header in sorted((set(first.headers) | set(other.headers)) - ignored):
        if first.headers.get(header) != other.headers.get(header):
            said.append(f"{header}: {first.headers.get(header)!r} and {other.headers.get(header)!r}")
    if first.tls != other.tls:
        said.append(f"TLS: {first.tls} and {other.tls}")
    return said


def fetch(scenario: Scenario, server: Server, decode: bool) -> Response:
    """One request with curl, by the protocol of the scenario."""
    scheme = "https" if scenario.tls else "http"
    version = "--http2" if scenario.tool == "h2load" or scenario.site == "spa" else "--http1.1"
    headers = [word for name, value in scenario.headers for word in ("-H", f"{name}: {value}")]
    with tempfile.NamedTemporaryFile() as head, tempfile.NamedTemporaryFile() as body:
        post = ["--data-binary", "@-"] if scenario.content else []
        command = ["curl", "-sk", "--max-time", CURL_SECONDS_MAX, version, "-D", head.name, "-o", body.name, *headers, *post,
                   *(["--compressed"] if decode else []), "-H", "Host: localhost", f"{scheme}://127.0.0.1:{server.port}{scenario.path}"]
        ended = subprocess.run(command, input=scenario.content.encode("latin-1"), capture_output=True, check=False)
        if ended.returncode:
            said = ended.stderr.decode(errors="replace").strip()
            raise Differs(f"{scenario.name}: curl ended with {ended.returncode} on {server.peer.name}: {said}")
        lines = head.read().decode("latin-1").split("\r\n")
        fields: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                fields[name.lower()] = canonical(name.lower(), value.strip())
        return Response(int(lines[0].split()[1]), fields, body.read(), agreed(server) if scenario.tls else "")


def canonical(name: str, value: str) -> str:
    """The same type is spelt text/javascript and application/javascript, and parameters vary in case."""
    value = re.sub(r"\s*;\s*", "; ", value)
    if name == "content-type":
        return value.lower().replace("application/javascript", "text/javascript")
    return value


def agreed(server: Server) -> str:
    """Version, cipher, curve and key of a TLS handshake by openssl."""
    said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.ports[1]}", "-servername", "localhost"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False).stdout
    parts = [re.search(pattern, said) for pattern in (r"New, (TLSv[\d.]+), Cipher is (\S+)", r"(?:Server|Peer) Temp Key: (\S+)", r"Peer signature type: (\S+)")]
    return " ".join(part for match in parts if match for part in match.groups())
