"""Many WebSockets at once, and every close code, both ways. Arguments: port of the edge, and how many."""

import asyncio
import json
import sys
from urllib.request import urlopen

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

port, count = sys.argv[1], int(sys.argv[2])
# What an endpoint may put into a close frame, and what is left to applications.
CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]


def open_socket():
    return connect(f"ws://127.0.0.1:{port}/ws", open_timeout=60, ping_interval=None, max_size=None, proxy=None)


async def echo_in_swarm():
    gate = asyncio.Semaphore(50)

    async def open_one():
        async with gate:
            return await open_socket()

    sockets = await asyncio.gather(*(open_one() for _ in range(count)))

    async def talk(index, socket):
        for message in [f"{index} first", b"\x00\xff" * (index + 1), "x" * 20_000]:
            await socket.send(message)
            assert await socket.recv() == message, index

    # All are open now, and all talk at once.
    await asyncio.gather(*(talk(index, socket) for index, socket in enumerate(sockets)))
    await asyncio.gather(*(socket.close() for socket in sockets))
    assert all(socket.close_code == 1000 for socket in sockets)


async def closed_by_server(code):
    async with open_socket() as socket:
        await socket.send(f"close {code}")
        try:
            await socket.recv()
        except ConnectionClosed as closed:
            assert (closed.rcvd.code, closed.rcvd.reason) == (code, "asked for"), (code, closed)
            return
        raise AssertionError(f"no close with {code}")


async def closed_by_client(code):
    socket = await open_socket()
    await socket.close(code=code, reason=f"mine {code}")
    assert socket.close_code == code, (code, socket.close_code)


def unseen():
    with urlopen(f"http://127.0.0.1:{port}/api/closes") as answer:
        seen = [tuple(close) for close in json.load(answer)]
    return [code for code in CODES if (code, f"mine {code}") not in seen]


async def main():
    await echo_in_swarm()
    for code in CODES:
        await closed_by_server(code)
        await closed_by_client(code)
    # The application hears of the last close a moment after its client.
    deadline = asyncio.get_running_loop().time() + 10
    while missing := await asyncio.to_thread(unseen):
        assert asyncio.get_running_loop().time() < deadline, missing
    print("all well")


asyncio.run(main())
