#!/usr/bin/env python3
"""A quick comparison with nginx by hand: `make bench`, or `benches/quick.py s1,s8 --rounds 5 --seconds 2`.

Both servers run with one worker on CPU 0, the load on CPU 1, in turns A B A B. What counts is CPU time per request, read from the kernel
(/proc/PID/task/*/schedstat); the ratio is nginx / Transom, the median of the rounds' ratios: above 1, Transom needs less. Both answer the same
bytes with the access log off; status, length and body are compared before anything is measured. What is not equal: Transom sends its security
headers (nginx gets the same three by add_header).
"""
import argparse, glob, os, re, shutil, signal, socket, ssl, statistics, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
TRANSOM = os.path.join(TARGET, "release", "transom")
API = os.path.join(TARGET, "release", "api")

# name: (path, TLS?, sendfile in nginx?, what it shows)
SCENARIOS = {
    "s1": ("/1k.txt", False, False, "1 KiB file, plain HTTP/1"),
    "s2": ("/16k.txt", False, False, "16 KiB file, plain HTTP/1"),
    "s4": ("/1m.bin", False, True, "1 MiB file, plain HTTP/1"),
    "s5": ("/16k.txt", True, False, "16 KiB file, TLS 1.3, HTTP/1"),
    "s5m": ("/1m.bin", True, False, "1 MiB file, TLS 1.3, HTTP/1"),
    "s8": ("/api/small", False, False, "200 B reply proxied over a Unix socket"),
    "s9": ("/api/bytes/102400", False, False, "100 KiB reply proxied over a Unix socket"),
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def make_site(folder):
    os.makedirs(f"{folder}/site")
    filler = b"The quick brown fox jumps over the lazy dog. " * 30000
    for name, size in (("1k.txt", 1024), ("16k.txt", 16384), ("1m.bin", 1 << 20)):
        with open(f"{folder}/site/{name}", "wb") as file:
            file.write(filler[:size])
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{folder}/key.pem",
         "-out", f"{folder}/cert.pem", "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True)


def nginx_config(folder, plain, tls, sendfile):
    copying = "sendfile on; tcp_nopush on;" if sendfile else "sendfile off;"
    return f"""
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 20000; }}
http {{
  access_log off; {copying} keepalive_requests 1000000000; keepalive_timeout 75s; gzip_static on;
  open_file_cache max=1000 inactive=60s; open_file_cache_valid 60s; types {{ text/plain txt; application/octet-stream bin; }}
  ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem; ssl_session_cache shared:s:10m; ssl_protocols TLSv1.2 TLSv1.3;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream api {{ server unix:{folder}/api.sock; keepalive 128; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{plain} reuseport; listen 127.0.0.1:{tls} ssl reuseport; root {folder}/site;
    add_header x-content-type-options nosniff always; add_header referrer-policy strict-origin-when-cross-origin always;
    add_header x-frame-options SAMEORIGIN always; add_header cache-control "public, max-age=0, must-revalidate" always;
    location /api/ {{ proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host; proxy_buffers 16 16k; proxy_buffer_size 16k; proxy_busy_buffers_size 64k; proxy_max_temp_file_size 0; }}
    location /ws {{ proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
      proxy_read_timeout 1h; proxy_send_timeout 1h; }}
  }}
}}
"""


def transom_config(folder, plain, tls):
    return f"""
[server]
listen = ["http://127.0.0.1:{plain}", "https://127.0.0.1:{tls}"]
https_redirect = false
[tls]
cert = "{folder}/cert.pem"
key = "{folder}/key.pem"
[[route]]
path = ["/api", "/ws"]
proxy = "unix:{folder}/api.sock"
[[route]]
path = "/"
root = "{folder}/site"
[log]
level = "warn"
access = false
"""


def wait_for_port(port, process):
    for _ in range(500):
        if process.poll() is not None:
            sys.exit(f"a server ended at start: {process.args}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit("a server does not listen")


def worker_pid(process, is_nginx):
    if not is_nginx:
        return process.pid
    children = open(f"/proc/{process.pid}/task/{process.pid}/children").read().split()
    return int(children[0])


def on_cpu_ns(pid):
    return sum(int(open(path).read().split()[0]) for path in glob.glob(f"/proc/{pid}/task/*/schedstat"))


def memory_kib(pid):
    return int(re.search(r"^Pss:\s+(\d+)", open(f"/proc/{pid}/smaps_rollup").read(), re.M).group(1))


def get(port, path, tls):
    stream = socket.create_connection(("127.0.0.1", port))
    if tls:
        context = ssl._create_unverified_context()
        stream = context.wrap_socket(stream, server_hostname="localhost")
    stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    data = b""
    while chunk := stream.recv(1 << 20):
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    return head.split(b" ")[1], body


def load(port, path, tls, seconds):
    scheme = "https" if tls else "http"
    run = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", "-c64", f"-d{seconds}s", "--latency", "-H", "Host: localhost", f"{scheme}://127.0.0.1:{port}{path}"],
                         capture_output=True, text=True, check=True).stdout
    errors = re.findall(r"(Socket errors.*|Non-2xx.*)", run)
    p99 = re.search(r"99%\s+(\S+)", run).group(1)
    return int(re.search(r"(\d+) requests in", run).group(1)), errors, p99


class Server:
    def __init__(self, name, args, port, tls_port):
        self.name, self.port, self.tls_port = name, port, tls_port
        self.process = subprocess.Popen(["taskset", "-c", "0", *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(port, self.process)
        self.pid = worker_pid(self.process, name == "nginx")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def measure(self, path, tls, seconds):
        before = on_cpu_ns(self.pid)
        requests, errors, p99 = load(self.tls_port if tls else self.port, path, tls, seconds)
        return (on_cpu_ns(self.pid) - before) / requests / 1000, requests / seconds, errors, p99


def start_pair(folder, sendfile):
    ports = [free_port() for _ in range(4)]
    write(f"{folder}/nginx.conf", nginx_config(folder, ports[0], ports[1], sendfile))
    write(f"{folder}/proxy.toml", transom_config(folder, ports[2], ports[3]))
    nginx = os.environ.get("NGINX") or shutil.which("nginx") or "/usr/sbin/nginx"
    return Server("nginx", [nginx, "-p", folder, "-c", f"{folder}/nginx.conf"], *ports[:2]), Server("transom", [TRANSOM, "-c", f"{folder}/proxy.toml"], *ports[2:])


def scenario(folder, name, rounds, seconds):
    path, tls, sendfile, shows = SCENARIOS[name]
    pair = start_pair(folder, sendfile)
    try:
        answers = [get(server.tls_port if tls else server.port, path, tls) for server in pair]
        if answers[0] != answers[1]:
            sys.exit(f"{name}: the two servers answer differently")
        for server in pair:
            server.measure(path, tls, 1)
        ratios, rows = [], ([], [])
        for _ in range(rounds):
            results = [server.measure(path, tls, seconds) for server in pair]
            ratios.append(results[0][0] / results[1][0])
            for row, result in zip(rows, results):
                row.append(result)
        cpu = [statistics.median(row[0] for row in side) for side in rows]
        rate = [statistics.median(row[1] for row in side) for side in rows]
        errors = [error for side in rows for row in side for error in row[2]]
        print(f"{name:4} {shows:42} ratio {statistics.median(ratios):5.2f} ({min(ratios):.2f}-{max(ratios):.2f})   CPU us {cpu[0]:7.1f} / {cpu[1]:7.1f}"
              f"   req/s {rate[0]:8.0f} / {rate[1]:8.0f}   p99 {rows[0][-1][3]} / {rows[1][-1][3]}   {errors or 'no errors'}", flush=True)
    finally:
        for server in pair:
            server.stop()


def hold_open(server, count, tls, websocket):
    """Opens connections, sends one request on each, and gives the growth of Pss in KiB for each."""
    context = ssl._create_unverified_context()
    request = b"GET /1k.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"
    if websocket:
        request = b"GET /ws/echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    def one():
        stream = socket.create_connection(("127.0.0.1", server.tls_port if tls else server.port))
        if tls:
            stream = context.wrap_socket(stream, server_hostname="localhost")
        stream.sendall(request)
        stream.recv(65536)
        return stream
    warm = [one() for _ in range(50)]
    time.sleep(0.3)
    before = memory_kib(server.pid)
    streams = [one() for _ in range(count)]
    time.sleep(0.5)
    after = memory_kib(server.pid)
    for stream in streams + warm:
        stream.close()
    return (after - before) / count


def memory(folder, count):
    for shows, tls, websocket in (("idle keep-alive", False, False), ("idle TLS", True, False), ("idle WebSocket", False, True)):
        # A fresh pair for each, so that no memory freed by the one before is used again.
        pair = start_pair(folder, False)
        try:
            if not tls and not websocket:
                print("s12  process, idle: {} / {} KiB Pss".format(*(memory_kib(server.pid) for server in pair)))
            grown = [hold_open(server, count, tls, websocket) for server in pair]
            print(f"s12  {shows}: {grown[0]:.2f} / {grown[1]:.2f} KiB a connection (nginx / Transom, {count} connections)", flush=True)
        finally:
            for server in pair:
                server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="?", default=",".join([*SCENARIOS, "s12"]))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="transom-bench-")
    os.chmod(folder, 0o755)
    make_site(folder)
    api = subprocess.Popen(["taskset", "-c", "1", API, "--listen", f"unix:{folder}/api.sock"], stdout=subprocess.DEVNULL)
    try:
        while not os.path.exists(f"{folder}/api.sock"):
            time.sleep(0.02)
        os.chmod(f"{folder}/api.sock", 0o777)
        for name in arguments.scenarios.split(","):
            if name == "s12":
                memory(folder, 1000)
            else:
                scenario(folder, name, arguments.rounds, arguments.seconds)
    finally:
        api.terminate()
        api.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
