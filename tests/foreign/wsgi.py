"""A WSGI application for gunicorn's sync workers: one request at a time, and every connection closed after it."""

import json
import os
import time


def lines():
    for step in range(4):
        while not os.path.exists(f"go-{step}"):
            time.sleep(0.005)
        yield f"line {step}\n".encode()


def app(environ, start_response):
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    if path == "/api/none":
        start_response("204 No Content", [])
        return []
    if path == "/api/paced":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return lines()
    if path == "/api/sum":
        size = 0
        while block := environ["wsgi.input"].read(1 << 16):
            size += len(block)
        body = json.dumps({"bytes": size}).encode()
    elif path == "/api/pid":
        body = str(os.getpid()).encode()
    else:
        body = b"a page of the API"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [] if method == "HEAD" else [body]
