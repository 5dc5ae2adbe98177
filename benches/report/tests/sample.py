"""A result folder as the runner writes it, small, with figures that are easy to check."""
import csv
import json

ROUND_COLUMNS = ("scenario,peer,round,seconds,completed,errors,cpu_ns,per_second,"
                 "p50_us,p90_us,p99_us,p999_us,generator_cpu,server_cpu,pss_kib").split(",")
# scenario: title, group, gate, stretch, CPU µs a request of nginx, ratios of Transom by round
LOADS = {
    "s1": ("1 KiB file, plain HTTP/1", "static", 1.25, 1.4, 12, (1.50, 1.45, 1.62)),
    "s2": ("16 KiB file, plain HTTP/1", "static", 1.15, 1.25, 13, (1.18, 1.10, 1.31)),
    "s4": ("1 MiB file, plain HTTP/1", "static", 1.2, 1.35, 260, (0.91, 0.84, 1.03)),
    "s5": ("16 KiB / 66 KiB / 1 MiB file, TLS 1.3, HTTP/1", "tls", 1.8, 2.1, 50, (1.64, 1.49, 1.86)),
    "s6": ("1 KiB file, TLS, HTTP/2 with 10 streams", "h2", 2.5, 6, 12, (6.2, 5.8, 6.4)),
    "s8": ("200 B reply proxied over a Unix socket", "proxy", 1.0, 1.1, 25, (1.04, 0.98, 1.06)),
    "seed": ("Realistic mix of pages, API and assets", "seed", None, None, 31, (1.3, 1.2, 1.4)),
}
VALUES = [("s12", "process, idle", "KiB", {"nginx": [10096], "transom": [12739]}),
          ("s12tls", "idle TLS", "KiB", {"nginx": [15.7, 16.0], "transom": [13.5, 13.4], "caddy": [41, 42]}),
          ("s12ws", "idle WebSocket", "KiB", {"nginx": [17.7], "transom": [4.1]}),
          ("start", "first byte 1000 files", "ms", {"transom": [23.4, 19.0, 30.2]}),
          ("s1", "body bytes", "B", {"nginx": [1024], "transom": [1024]})]
ABSOLUTE = [("s12", "Process, idle", "memory", 16384, 12288, "KiB"), ("s12tls", "Idle TLS connection", "memory", 14, 12, "KiB"),
            ("s12ws", "Idle WebSocket", "memory", 4, 2, "KiB"), ("start", "Start to first byte", "start", 50, 20, "ms")]


def make(folder, scale=1.0):
    """Writes a result; `scale` multiplies every ratio of Transom."""
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "s1-nginx.conf").write_text("worker_processes 1;\n")
    scenarios = [{"name": name, "title": title, "group": group, "shows": "What it <shows>.", "unequal": "",
                  "gate": gate, "stretch": stretch, "unit": "ratio"}
                 for name, (title, group, gate, stretch, _, _) in LOADS.items()]
    scenarios += [{"name": name, "title": title, "group": group, "shows": "", "unequal": "something", "gate": gate, "stretch": stretch, "unit": unit}
                  for name, title, group, gate, stretch, unit in ABSOLUTE]
    run = {"date": "2026-11-21", "machine": "test", "cpu": "AMD EPYC", "cores": 2, "kernel": "6.18", "commit": "d09d54f", "dirty": True,
           "command": "benches/bench.py all", "rounds": 3, "seconds": 2, "versions": {"nginx": "1.22.1", "transom": "0.1.0", "wrk": "4.1.0"},
           "notes": ["A note."], "scenarios": scenarios}
    (folder / "run.json").write_text(json.dumps(run))
    rounds, latency = [], []
    for name, (_, _, _, _, cpu_us, ratios) in LOADS.items():
        for number, ratio in enumerate(ratios, 1):
            rounds.append(load(name, ("nginx", number), cpu_us, 1.0))
            rounds.append(load(name, ("transom", number), cpu_us / (ratio * scale), 0.7 if name == "s1" else 1.0))
            if name in ("s1", "s4"):
                rounds.append(load(name, ("caddy", number), cpu_us * 3, 1.0))
            if name != "seed":
                latency += distribution(name, number, cpu_us)
    write(folder / "rounds.csv", ROUND_COLUMNS, rounds)
    write(folder / "latency.csv", ["scenario", "peer", "round", "percentile", "us"], latency)
    write(folder / "values.csv", ["scenario", "peer", "what", "run", "value", "unit"],
          [(name, peer, what, run, value, unit) for name, what, unit, peers in VALUES for peer, found in peers.items()
           for run, value in enumerate(found, 1)])
    return folder


def load(name, measured, cpu_us, server_cpu):
    peer, number = measured
    completed = int(2e6 / cpu_us)
    errors = 3 if (name, peer, number) == ("s4", "transom", 2) else 0
    times = [round(cpu_us * factor, 1) for factor in (40, 70, 120, 300)]
    return [name, peer, number, 2, completed, errors, round(completed * cpu_us * 1000), completed / 2, *times, 0.99, server_cpu, 12800]


def distribution(name, number, cpu_us):
    factors = {50: 40, 75: 55, 90: 70, 95: 90, 99: 120, 99.9: 300, 99.99: 700}
    return [(name, peer, number, percentile, cpu_us * factor * better * (1 + number / 20))
            for peer, better in (("nginx", 1), ("transom", 0.8)) for percentile, factor in factors.items()]


def write(path, columns, lines):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *lines])
