"""A FastAPI application as users write it: what the edge must serve without knowing it."""

import asyncio
import hashlib

from fastapi import FastAPI, Request, UploadFile, WebSocket
from fastapi.responses import StreamingResponse

app = FastAPI()


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
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") == "close":
            await socket.close(code=4003, reason="as you wish")
            return
        if message.get("text") is not None:
            await socket.send_text(message["text"])
        else:
            await socket.send_bytes(message["bytes"])
