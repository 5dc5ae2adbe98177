"""The folders that are served, the certificate, and the API behind: the same for every peer."""
from __future__ import annotations

import gzip
import os
import pathlib
import random
import shutil
import subprocess
import time

from . import processes

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# The built demo app.
DIST = ROOT / "static" / "dist"
BUNDLE_GZ_BYTES = 66 * 1024
MANY_FILES = 1000


def target() -> pathlib.Path:
    """Where cargo puts release builds."""
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / os.environ.get("BENCH_PROFILE", "release")


class Ground:
    """A temporary folder with one run folder per kind of site: files, spa, many. Each has site/, cert.pem, key.pem and api.sock."""

    def __init__(self, base: pathlib.Path):
        self.base = base
        base.chmod(0o755)
        for kind, fill in (("files", fill_files), ("spa", fill_spa), ("many", fill_many)):
            (base / kind / "site").mkdir(parents=True)
            fill(base / kind / "site")
        certificate(base)
        self.api = processes.start(processes.LOAD_CPU, [str(target() / "api"), "--listen", f"unix:{base}/api.sock"])
        wait_for(lambda: (base / "api.sock").exists(), self.api)
        os.chmod(base / "api.sock", 0o777)
        for kind in ("files", "spa", "many"):
            for name in ("cert.pem", "key.pem", "api.sock"):
                (base / kind / name).symlink_to(base / name)

    def folder(self, kind: str) -> pathlib.Path:
        """The run folder of this kind of site."""
        return self.base / kind


def fill_files(site: pathlib.Path) -> None:
    """Files of known sizes; app.js has a .gz sibling of about 66 KiB."""
    filler = b"The quick brown fox jumps over the lazy dog. " * 30000
    for name, size in (("1k.txt", 1024), ("16k.txt", 16384), ("1m.bin", 1 << 20)):
        (site / name).write_bytes(filler[:size])
    (site / "index.html").write_text("<!doctype html><title>bench</title>\n")
    letters = random.Random(1)
    script = "".join(f"export const v{number}={letters.getrandbits(64):x};\n" for number in range(6000)).encode()
    while len(packed := gzip.compress(script, 9, mtime=0)) > BUNDLE_GZ_BYTES:
        script = script[: int(len(script) * BUNDLE_GZ_BYTES / len(packed))]
    (site / "app.js").write_bytes(script)
    (site / "app.js.gz").write_bytes(packed)


def fill_spa(site: pathlib.Path) -> None:
    """The built demo app."""
    shutil.copytree(DIST, site, dirs_exist_ok=True)


def fill_many(site: pathlib.Path) -> None:
    """A build with a thousand chunks of 8 KiB."""
    (site / "assets").mkdir()
    (site / "1k.txt").write_bytes(b"x" * 1024)
    (site / "index.html").write_text("<!doctype html><title>bench</title>\n")
    noise = random.Random(2)
    for number in range(MANY_FILES - 2):
        (site / "assets" / f"chunk-{noise.getrandbits(40):010x}.js").write_bytes(f"/*{number}*/".encode() + noise.randbytes(8192).hex()[:8192].encode())


def certificate(folder: pathlib.Path) -> None:
    """ECDSA P-256, for localhost."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "key.pem", "-out",
         folder / "cert.pem", "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)


def wait_for(is_there, process: subprocess.Popen, seconds_max: float = 15) -> None:
    """Waits until `is_there()`; an error when the process ends first or time is up."""
    end = time.monotonic() + seconds_max
    while not is_there():
        if process.poll() is not None:
            raise SystemExit(f"ended at its start with {process.returncode}: {' '.join(map(str, process.args))}")
        if time.monotonic() > end:
            raise SystemExit(f"not ready after {seconds_max} s: {' '.join(map(str, process.args))}")
        time.sleep(0.002)
