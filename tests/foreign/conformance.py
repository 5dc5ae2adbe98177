"""Autobahn's cases against an echo server, straight and through the edge: the verdicts must be the same.

Arguments: port of the edge, Unix socket to listen on for it, and the cases (`6.*`). Autobahn's own runner is Python 2; kosoku runs its case files.
"""

import asyncio
import logging
import os
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


def behaviour(result):
    """The verdict. In these groups a message stands before a broken frame: `NON-STRICT` is whoever ends the connection before its echo has arrived, and
    that hangs on which packets come together, with the edge and without it."""
    value = result.behavior.value
    return "OK" if value == "NON-STRICT" and result.case_id.split(".")[0] in ("3", "4") else value


async def verdicts(port):
    try:
        results = await run_fuzzingclient(f"ws://127.0.0.1:{port}/ws", cases=cases, concurrency=CONCURRENCY)
    except FailureError as failure:
        results = failure.results
    return {
        result.case_id: (behaviour(result), result.behavior_close.value, result.remote_close_code, result.remote_close_reason)
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
    print("\n".join(differences), end="", flush=True)


asyncio.run(main())
# At the end of the interpreter kosoku's threads abort it once in a while.
os._exit(0)
