"""Real Python clients against the edge: requests and websockets. Arguments: port and the authority's certificate."""

import asyncio
import ssl
import sys

import requests
import websockets

port, authority = sys.argv[1:3]
base = f"https://localhost:{port}"


def over_http():
    with requests.Session() as session:
        session.trust_env = False
        session.verify = authority
        for index in range(50):
            answer = session.get(f"{base}/api/echo", params={"index": index})
            assert answer.status_code == 200 and answer.json()["query"] == f"index={index}", answer.text
        # A generator makes requests send chunks.
        answer = session.post(f"{base}/api/upload", data=(b"x" * 10_000 for _ in range(300)))
        assert answer.json()["bytes"] == 3_000_000, answer.text
        assert len(session.get(f"{base}/api/bytes/1000000").content) == 1_000_000
        with session.get(f"{base}/api/stream?count=3&interval=5ms", stream=True) as answer:
            assert len(list(answer.iter_lines())) == 3
        assert session.head(f"{base}/").headers["content-type"].startswith("text/html")


async def over_websocket():
    trusted = ssl.create_default_context(cafile=authority)
    async with websockets.connect(f"wss://localhost:{port}/ws/echo", ssl=trusted, max_size=None) as socket:
        for message in ["hello", b"\x00\x01\x02", "x" * 1_000_000]:
            await socket.send(message)
            assert await socket.recv() == message
        await (await socket.ping())
    assert socket.close_code == 1000, socket.close_code


over_http()
asyncio.run(over_websocket())
print("all well")
