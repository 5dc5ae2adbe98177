"""Autobahn's cases against an echo server, straight and through the edge: the verdicts must be the same.

Arguments: port of the edge, Unix socket to listen on for it, and the cases (`6.*`). Autobahn's own runner is Python 2; kosoku runs its case files.
"""

import asyncio
import logging
import sys

from kosoku import FailureError, run_fuzzingclient
from websockets.asyncio.server import serve, unix_serve

port, path, *cases = sys.argv[1:]
# Most cases break a rule, which the echo server would tell at length.
logging.disable()
# Cases that wait for a timeout wait beside each other.
CONCURRENCY = 8


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def verdicts(port):
    try:
        results = await run_fuzzingclient(f"ws://127.0.0.1:{port}/ws", cases=cases, concurrency=CONCURRENCY)
    except FailureError as failure:
        results = failure.results
    return {
        result.case_id: (result.behavior.value, result.behavior_close.value, result.remote_close_code, result.remote_close_reason)
        for result in results
    }


async def main():
    options = {"max_size": None, "ping_interval": None}
    async with serve(echo, "127.0.0.1", 0, **options) as server, unix_serve(echo, path, **options):
        straight = await verdicts(server.sockets[0].getsockname()[1])
        through = await verdicts(port)
    differences = [f"{case}: {straight[case]}, through the edge {through.get(case)}" for case in straight if straight[case] != through.get(case)]
    good = sum(verdict[0] in ("OK", "NON-STRICT", "INFORMATIONAL") for verdict in through.values())
    print(f"{len(through)} cases, {good} good, {len(differences)} differ")
    print("\n".join(differences), end="")


asyncio.run(main())
