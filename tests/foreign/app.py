"""A FastAPI application as users write it: what the edge must serve without knowing it."""

import asyncio
import hashlib
import os

from fastapi import FastAPI, Request, Response, UploadFile, WebSocket, WebSocketDisconnect
from fastapi.responses import PlainTextResponse, RedirectResponse, StreamingResponse

app = FastAPI()
closes: list[list] = []


async def allowed(step: int):
    """Waits until whoever tests has written this file: what comes before it was seen to arrive."""
    while not os.path.exists(f"go-{step}"):
        await asyncio.sleep(0.005)


@app.get("/api/pid")
async def pid():
    return os.getpid()


@app.api_route("/api/page", methods=["GET", "HEAD"])
async def page():
    return PlainTextResponse("a page of the API")


@app.delete("/api/none")
async def none():
    return Response(status_code=204)


@app.get("/api/moved")
async def moved(request: Request):
    return RedirectResponse(request.url_for("page"))


@app.post("/api/sum")
async def sum_up(request: Request):
    size = 0
    async for block in request.stream():
        size += len(block)
    return {"bytes": size}


@app.get("/api/paced")
async def paced():
    async def lines():
        for step in range(4):
            await allowed(step)
            yield f"line {step}\n"

    return StreamingResponse(lines(), media_type="text/plain")


@app.get("/api/events")
async def events(request: Request):
    first = int(request.headers.get("last-event-id", "-1")) + 1

    async def lines():
        yield "retry: 50\n\n"
        for step in range(first, 1000):
            await allowed(step)
            yield f"id: {step}\ndata: {step} of {os.getpid()}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


@app.get("/api/closes")
async def show_closes():
    return closes


@app.get("/api/seen")
async def seen(request: Request):
    return {
        "path": request.scope["raw_path"].decode(),
        "query": request.scope["query_string"].decode(),
        "client": request.client.host if request.client else None,
        "scheme": request.url.scheme,
        "headers": [[name.decode(), value.decode()] for name, value in request.headers.raw],
    }


@app.post("/api/files")
async def files(file: UploadFile):
    digest = hashlib.sha256()
    size = 0
    while block := await file.read(1 << 16):
        size += len(block)
        digest.update(block)
    return {"name": file.filename, "bytes": size, "sha256": digest.hexdigest()}


@app.get("/api/stream")
async def stream():
    async def lines():
        for index in range(5):
            yield f"line {index}\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(lines(), media_type="text/plain")


@app.websocket("/ws")
async def echo(socket: WebSocket):
    await socket.accept()
    try:
        while await echo_one(socket):
            pass
    except WebSocketDisconnect as gone:  # While something was being sent.
        closes.append([gone.code, gone.reason])


async def echo_one(socket: WebSocket):
    message = await socket.receive()
    text = message.get("text")
    if message["type"] == "websocket.disconnect":
        closes.append([message.get("code"), message.get("reason")])
    elif text == "close":
        await socket.close(code=4003, reason="as you wish")
    elif text is not None and text.startswith("close "):
        await socket.close(code=int(text[6:]), reason="asked for")
    elif text is not None:
        await socket.send_text(text)
        return True
    else:
        await socket.send_bytes(message["bytes"])
        return True
    return False
