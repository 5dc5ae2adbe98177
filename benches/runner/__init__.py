"""Runs the scenarios of benches/load against nginx, Transom and other peers, and writes what was measured. `benches/bench.py` is the way in."""
