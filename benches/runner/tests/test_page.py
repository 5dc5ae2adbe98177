"""Promises of page.py, devtools.py and spa.py, with a real Chromium and nginx: `cd benches && python3 -m unittest runner.tests.test_page`."""
import glob, os, shutil, socket, subprocess, tempfile, time, unittest

from .. import devtools, page, site, spa

NGINX = os.environ.get("NGINX") or shutil.which("nginx") or "/usr/sbin/nginx"
SECONDS_MAX = 30.0


def certificate(folder: str, name: str) -> str:
    """Makes FOLDER/NAME.pem and FOLDER/NAME.key; gives what `measure` needs to trust it."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{folder}/{name}.key",
         "-out", f"{folder}/{name}.pem", "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True)
    return page.spki_of(f"{folder}/{name}.pem")


def browser_processes(folder: str) -> list[str]:
    """The command lines of the browsers whose profile is in this folder."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                command = file.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"--user-data-dir={folder}/transom-browser-" in command:
            found.append(command)
    return found


class Nginx:
    """nginx in front of the app, for a `with`. `listen` is what follows the port: `ssl http2` or `ssl`."""

    def __init__(self, folder: str, root: str, listen: str):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = f"{folder}/{self.port}.log"
        config = f"{folder}/{self.port}.conf"
        with open(config, "w") as file:
            file.write(f"""
worker_processes 1; daemon off; pid {folder}/{self.port}.pid; error_log {folder}/{self.port}.err;
events {{ }}
http {{
  log_format wire '$server_protocol $status $bytes_sent $uri'; access_log {self.log} wire; gzip_static on;
  types {{ text/html html; text/css css; text/javascript js; image/svg+xml svg; }}
  ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/cert.key;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{self.port} {listen}; root {root};
    location /assets/ {{ add_header cache-control "public, max-age=31536000, immutable"; }}
    location / {{ add_header cache-control "public, max-age=0, must-revalidate"; }}
  }}
}}
""")
        self.process = subprocess.Popen([NGINX, "-p", folder, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait(f"{folder}/{self.port}.err")

    def _wait(self, error_log: str) -> None:
        until = time.monotonic() + SECONDS_MAX
        while time.monotonic() < until and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
        self.__exit__()
        with open(error_log) as file:
            raise AssertionError(f"nginx does not listen: {file.read()}")

    def __enter__(self) -> "Nginx":
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait()

    def requests(self) -> list[tuple[str, int]]:
        """Path and bytes of each HTTP/2 request that was answered, in order. (The WebSocket comes over HTTP/1.)"""
        with open(self.log) as file:
            rows = [line.split() for line in file]
        return [(path.replace("/index.html", "/"), int(size)) for protocol, _, size, path in rows if protocol == "HTTP/2.0"]


class PageTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="transom-page-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.root = os.path.join(self.folder, "spa")
        shutil.copytree(site.DIST, self.root)
        self.spki = certificate(self.folder, "cert")
        # Profiles are made in here, so that a browser of somebody else is not taken for one of these.
        tempfile.tempdir = self.folder
        self.addCleanup(setattr, tempfile, "tempdir", None)

    def tearDown(self):
        self.assertEqual(browser_processes(self.folder), [], "a browser was left running")
        self.assertEqual(glob.glob(f"{self.folder}/transom-browser-*"), [], "a profile was left behind")

    def failure(self, port: int, spki: str, seconds_max: float) -> str:
        with self.assertRaises(page.PageError) as caught:
            page.measure(port, spki, 1, seconds_max)
        return str(caught.exception)

    def test_the_figures_are_those_of_the_servers_own_log(self):
        with Nginx(self.folder, self.root, "ssl http2") as nginx:
            figures = page.measure(nginx.port, self.spki, 1, SECONDS_MAX)
            logged = nginx.requests()
        # One run that is not counted comes first, with the same number of requests.
        cold, warm = figures.cold_requests[0], figures.warm_requests[0]
        self.assertEqual(len(logged), 2 * (cold + warm), logged)
        counted = logged[cold + warm:]
        self.assertEqual(sorted(path for path, _ in counted[:cold]), sorted(figures.cold_paths))
        self.assertEqual(figures.cold_bytes, [sum(size for _, size in counted[:cold])])
        self.assertEqual(figures.warm_bytes, [sum(size for _, size in counted[cold:])])
        self.assertGreater(figures.cold_ms[0], 0)
        self.assertGreater(figures.warm_ms[0], 0)

    def test_a_warm_load_asks_for_no_hashed_asset(self):
        with Nginx(self.folder, self.root, "ssl http2") as nginx:
            figures = page.measure(nginx.port, self.spki, 1, SECONDS_MAX)
        self.assertEqual(len([path for path in figures.cold_paths if path.startswith("/assets/")]), 5, figures.cold_paths)
        self.assertEqual([path for path in figures.warm_paths if path.startswith("/assets/")], [])
        self.assertIn("/", figures.warm_paths)

    def test_the_paths_of_the_page_are_what_a_browser_asks_for(self):
        with Nginx(self.folder, self.root, "ssl http2") as nginx:
            figures = page.measure(nginx.port, self.spki, 1, SECONDS_MAX)
        paths = spa.page_paths(self.root)
        self.assertEqual(paths[0], "/")
        self.assertEqual(sorted(paths), sorted(figures.cold_paths))

    def test_a_load_over_http1_is_an_error(self):
        with Nginx(self.folder, self.root, "ssl") as nginx:
            self.assertIn("http/1.1, not h2", self.failure(nginx.port, self.spki, SECONDS_MAX))

    def test_a_missing_asset_is_an_error_with_its_path(self):
        for path in glob.glob(f"{self.root}/assets/vendor-*"):
            os.remove(path)
        with Nginx(self.folder, self.root, "ssl http2") as nginx:
            self.assertRegex(self.failure(nginx.port, self.spki, SECONDS_MAX), r"/assets/vendor-\w+\.js: answered 404")

    def test_a_certificate_of_another_key_is_an_error(self):
        other = certificate(self.folder, "other")
        with Nginx(self.folder, self.root, "ssl http2") as nginx:
            self.assertIn("ERR_CERT_AUTHORITY_INVALID", self.failure(nginx.port, other, SECONDS_MAX))

    def test_a_server_that_never_answers_is_an_error_in_time(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            self.assertIn("did not begin in 2 s", self.failure(silent.getsockname()[1], self.spki, 2.0))

    def test_an_interrupt_leaves_no_process_and_no_profile(self):
        with self.assertRaises(KeyboardInterrupt):
            with devtools.Browser(self.spki) as browser:
                browser.call("Browser.getVersion", {}, "", time.monotonic() + SECONDS_MAX)
                self.assertNotEqual(browser_processes(self.folder), [])
                raise KeyboardInterrupt
        self.assertFalse(os.path.exists(browser.folder))

    def test_a_browser_that_ends_by_itself_is_an_error_with_its_words(self):
        fake = f"{self.folder}/chromium"
        with open(fake, "w") as file:
            file.write("#!/bin/sh\necho 'no such display' >&2\nexit 1\n")
        os.chmod(fake, 0o755)
        os.environ["CHROMIUM"] = fake
        self.addCleanup(os.environ.pop, "CHROMIUM")
        self.assertIn("no such display", self.failure(1, self.spki, SECONDS_MAX))


if __name__ == "__main__":
    unittest.main()
