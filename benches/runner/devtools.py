"""A headless Chromium, driven over the pipe of the DevTools protocol.

What for: starting the browser, sending it commands, reading its events, and ending it whatever happens. The pipe (file descriptors 3 and 4,
JSON messages that end with a NUL) needs no WebSocket and no port. It must not know what is measured: that is page.py.
"""
import fcntl, json, os, select, shutil, signal, subprocess, tempfile, time

CPU = "1"
# The descriptors Chromium reads its commands from and writes its answers to.
COMMANDS_FD, ANSWERS_FD = 3, 4
STDERR_BYTES_MAX = 1000
END_SECONDS_MAX = 10.0

# The browser keeps to the page: no update, no account, no name but localhost.
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-default-apps",
    "--disable-breakpad", "--disable-crash-reporter", "--disable-dev-shm-usage", "--metrics-recording-only", "--password-store=basic",
    "--host-resolver-rules=MAP localhost 127.0.0.1, MAP * ~NOTFOUND",
]


class BrowserError(Exception):
    """The browser did not do what was asked; the text says what and why."""


class Browser:
    """One Chromium with a profile of its own, for a `with`: at its end no process and no file of it is left."""

    def __init__(self, spki: str):
        """`spki`: base64 of the SHA-256 of the public key to be trusted. (A host with a certificate error would get no HTTP cache.)"""
        self.folder = tempfile.mkdtemp(prefix="transom-browser-")
        self.process: subprocess.Popen | None = None
        self.commands = self.answers = -1
        self._unread = b""
        self._events: list[dict] = []
        self._last_id = 0
        try:
            self._start([f"--ignore-certificate-errors-spki-list={spki}", f"--user-data-dir={self.folder}/profile"])
        except BaseException:
            self.end()
            raise

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_) -> None:
        self.end()

    def _start(self, flags: list[str]) -> None:
        binary = os.environ.get("CHROMIUM") or shutil.which("chromium")
        if not binary:
            raise BrowserError("there is no chromium: install it, or name one in CHROMIUM")
        theirs_in, self.commands = os.pipe()
        self.answers, theirs_out = os.pipe()
        # Copies above 4, because one of the originals may be 3 or 4 itself; they are closed in the browser by exec.
        copies = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (theirs_in, theirs_out)]
        try:
            def place() -> None:
                os.dup2(copies[0], COMMANDS_FD)
                os.dup2(copies[1], ANSWERS_FD)
            with open(f"{self.folder}/stderr", "wb") as stderr:
                self.process = subprocess.Popen(
                    ["taskset", "-c", CPU, binary, *FLAGS, *flags, "about:blank"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=stderr, env={**os.environ, "HOME": self.folder}, preexec_fn=place, pass_fds=(COMMANDS_FD, ANSWERS_FD),
                    start_new_session=True)
        finally:
            for fd in (theirs_in, theirs_out, *copies):
                os.close(fd)

    def call(self, method: str, parameters: dict, session: str, until: float) -> dict:
        """Sends a command and gives its result. `session` is empty for the browser itself; `until` is a time of `time.monotonic()`."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        try:
            os.write(self.commands, json.dumps(message).encode() + b"\0")
        except BrokenPipeError:
            raise BrowserError(f"{method}: {self._why_gone()}") from None
        while True:
            answer = self._read(until)
            if answer is None:
                raise BrowserError(f"{method}: no answer in time")
            if answer.get("id") == self._last_id:
                break
            self._events.append(answer)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error'].get('message')}")
        return answer["result"]

    def event(self, session: str, until: float) -> dict | None:
        """The next event of a session, None if there is none until then. Events of other sessions are dropped."""
        while True:
            event = self._events.pop(0) if self._events else self._read(until)
            if event is None or event.get("sessionId") == session:
                return event

    def _read(self, until: float) -> dict | None:
        while b"\0" not in self._unread:
            readable, _, _ = select.select([self.answers], [], [], max(0.0, until - time.monotonic()))
            if not readable:
                return None
            chunk = os.read(self.answers, 1 << 16)
            if not chunk:
                raise BrowserError(self._why_gone())
            self._unread += chunk
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)

    def _why_gone(self) -> str:
        with open(f"{self.folder}/stderr", errors="replace") as stderr:
            said = stderr.read()[-STDERR_BYTES_MAX:].strip()
        return f"chromium ended by itself: {said or 'it said nothing'}"

    def end(self) -> None:
        """Ends every process of the browser and removes its folder. May be called twice."""
        for fd in (self.commands, self.answers):
            if fd >= 0:
                os.close(fd)
        self.commands = self.answers = -1
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None
        # A process that is just being killed may still have made a file: then the folder is not empty, and once more.
        until = time.monotonic() + END_SECONDS_MAX
        while os.path.exists(self.folder) and time.monotonic() < until:
            shutil.rmtree(self.folder, ignore_errors=True)
