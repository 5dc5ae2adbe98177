"""The page load as a browser sees it: bytes and requests on the wire, and the time to the load event, cold and warm.

What for: `measure` loads the page of a server twice in each run: cold in a context that has never seen it, then warm in a second page of the
same context, with its HTTP cache and its connection. It must not start servers or judge the figures. The browser itself is devtools.py, the
files of the page spa.py.

The app opens its WebSocket before the load event. A WebSocket does not delay that event, and it is not counted here.
"""
import json, os, subprocess, time
from dataclasses import dataclass, field

from .devtools import Browser, BrowserError

# After the load event: this long without a new request, and the load is over. (The icon is asked for after the event.)
QUIET_SECONDS = 0.3
START_SECONDS_MAX = 60.0

# Negative or zero until the event is over: `loadEventEnd` is set after Page.loadEventFired has been sent.
TIMES = "JSON.stringify(performance.getEntriesByType('navigation').map(e => [e.loadEventEnd - e.startTime, e.nextHopProtocol])[0])"


class PageError(Exception):
    """A load that failed, was not HTTP/2, or did not end; the text says which and why."""


@dataclass
class PageFigures:
    """One value a run in each list. Bytes are those of the answers, head and body, as they were on the wire under TLS."""
    cold_bytes: list[int] = field(default_factory=list)
    cold_requests: list[int] = field(default_factory=list)
    cold_ms: list[float] = field(default_factory=list)
    warm_bytes: list[int] = field(default_factory=list)
    warm_requests: list[int] = field(default_factory=list)
    warm_ms: list[float] = field(default_factory=list)
    # What was asked for on the wire in the last run, in order.
    cold_paths: list[str] = field(default_factory=list)
    warm_paths: list[str] = field(default_factory=list)


@dataclass
class Exchange:
    """One request of a load, filled in as its events come."""
    url: str
    status: int = 0
    protocol: str = ""
    cached: bool = False
    ended: bool = False
    wire_bytes: int = 0


@dataclass
class Load:
    ms: float
    wire_bytes: int
    paths: list[str]


def spki_of(cert_pem_path: str) -> str:
    """What `measure` needs to trust a certificate: base64 of the SHA-256 of its public key."""
    key = _openssl(["x509", "-in", cert_pem_path, "-pubkey", "-noout"], b"")
    der = _openssl(["pkey", "-pubin", "-outform", "DER"], key)
    digest = _openssl(["dgst", "-sha256", "-binary"], der)
    return _openssl(["base64", "-A"], digest).decode().strip()


def _openssl(arguments: list[str], given: bytes) -> bytes:
    done = subprocess.run(["openssl", *arguments], input=given, capture_output=True)
    if done.returncode != 0:
        raise PageError(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def measure(port: int, spki: str, runs: int, seconds_max: float) -> PageFigures:
    """Loads https://localhost:PORT/ cold and warm, `runs` times; no load may take longer than `seconds_max`. Raises PageError."""
    figures = PageFigures()
    origin = f"https://localhost:{port}"
    try:
        with Browser(spki) as browser:
            browser.call("Browser.getVersion", {}, "", time.monotonic() + START_SECONDS_MAX)
            # One run more than asked for: the first one finds the browser itself cold, and is not counted.
            for run in range(runs + 1):
                cold, warm = _cold_and_warm(browser, origin, seconds_max)
                if run > 0:
                    _keep(figures, cold, warm)
    except BrowserError as error:
        raise PageError(f"{origin}: {error}") from error
    return figures


def _keep(figures: PageFigures, cold: Load, warm: Load) -> None:
    figures.cold_bytes.append(cold.wire_bytes)
    figures.cold_requests.append(len(cold.paths))
    figures.cold_ms.append(cold.ms)
    figures.warm_bytes.append(warm.wire_bytes)
    figures.warm_requests.append(len(warm.paths))
    figures.warm_ms.append(warm.ms)
    figures.cold_paths, figures.warm_paths = cold.paths, warm.paths


def _cold_and_warm(browser: Browser, origin: str, seconds_max: float) -> tuple[Load, Load]:
    until = time.monotonic() + START_SECONDS_MAX
    context = browser.call("Target.createBrowserContext", {}, "", until)["browserContextId"]
    cold = _load(browser, context, origin, seconds_max)
    warm = _load(browser, context, origin, seconds_max)
    browser.call("Target.disposeBrowserContext", {"browserContextId": context}, "", time.monotonic() + START_SECONDS_MAX)
    return cold, warm


def _load(browser: Browser, context: str, origin: str, seconds_max: float) -> Load:
    """Opens a page in the context, loads the origin in it, and closes it."""
    until = time.monotonic() + START_SECONDS_MAX
    page = browser.call("Target.createTarget", {"url": "about:blank", "browserContextId": context}, "", until)["targetId"]
    session = browser.call("Target.attachToTarget", {"targetId": page, "flatten": True}, "", until)["sessionId"]
    for domain in ("Page", "Network", "Inspector"):
        browser.call(f"{domain}.enable", {}, session, until)
    until = time.monotonic() + seconds_max
    exchanges: dict[str, Exchange] = {}
    try:
        begun = browser.call("Page.navigate", {"url": f"{origin}/"}, session, until)
    except BrowserError as error:
        # A navigation is answered when the first byte is there.
        raise PageError(f"{origin}/: the page did not begin in {seconds_max:g} s ({error})") from error
    if begun.get("errorText"):
        raise PageError(f"{origin}/: {begun['errorText']}")
    _follow(browser, session, exchanges, until)
    on_wire = [exchange for exchange in exchanges.values() if not exchange.cached]
    for exchange in on_wire:
        if exchange.protocol != "h2":
            raise PageError(f"{exchange.url}: came over {exchange.protocol or 'an unknown protocol'}, not h2")
    ms, protocol = json.loads(browser.call("Runtime.evaluate", {"expression": TIMES}, session, until)["result"]["value"])
    if ms <= 0 or protocol != "h2":
        raise PageError(f"{origin}/: no load event in the page's own timing, or not h2 ({ms} ms, {protocol or 'unknown protocol'})")
    browser.call("Target.closeTarget", {"targetId": page}, "", time.monotonic() + START_SECONDS_MAX)
    return Load(ms, sum(exchange.wire_bytes for exchange in on_wire), [exchange.url.removeprefix(origin) for exchange in on_wire])


def _follow(browser: Browser, session: str, exchanges: dict[str, Exchange], until: float) -> None:
    """Reads the events until the page is loaded, each request has ended, and no other one comes."""
    loaded, quiet_from = False, time.monotonic()
    while True:
        pending = [exchange.url for exchange in exchanges.values() if not exchange.ended]
        waits_for_quiet = loaded and not pending
        event = browser.event(session, min(until, quiet_from + QUIET_SECONDS) if waits_for_quiet else until)
        if event is None:
            if waits_for_quiet and time.monotonic() < until:
                return
            missing = f"waiting for {', '.join(pending)}" if pending else "no load event" if not loaded else "it never became quiet"
            raise PageError(f"the load did not end in time: {missing}")
        method = event["method"]
        if method == "Page.loadEventFired":
            loaded, quiet_from = True, time.monotonic()
        elif method == "Inspector.targetCrashed":
            raise PageError("the page crashed")
        elif _note(method, event["params"], exchanges):
            quiet_from = time.monotonic()


def _note(method: str, event: dict, exchanges: dict[str, Exchange]) -> bool:
    """Writes an event to its exchange; false if it has none. (A WebSocket has events of other names.)"""
    name = event.get("requestId", "")
    if method == "Network.requestWillBeSent":
        url = event["request"]["url"]
        if "redirectResponse" in event:
            raise PageError(f"{exchanges[name].url}: redirects to {url}")
        if not url.startswith("https:"):
            return False
        exchanges[name] = Exchange(url)
        return True
    exchange = exchanges.get(name)
    if exchange is None:
        return False
    if method == "Network.requestServedFromCache":
        exchange.cached = True
    elif method == "Network.responseReceived":
        response = event["response"]
        exchange.status, exchange.protocol = response["status"], response.get("protocol", "")
        exchange.cached |= any(response.get(source, False) for source in ("fromDiskCache", "fromPrefetchCache", "fromServiceWorker"))
        if exchange.status >= 400:
            raise PageError(f"{exchange.url}: answered {exchange.status}")
    elif method == "Network.loadingFinished":
        exchange.ended, exchange.wire_bytes = True, int(event["encodedDataLength"])
    elif method == "Network.loadingFailed":
        raise PageError(f"{exchange.url}: {event.get('blockedReason') or event['errorText']}")
    return True
