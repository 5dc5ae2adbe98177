"""A gRPC server on a Unix socket, as generated code would make it, of bytes; and in TLS.

Arguments: the path of the socket, the certificate, its key, and the file that gets the port of TLS.
"""

import pathlib
import sys
import time
from concurrent import futures

import grpc

asked, cancelled = [], []


def unary(request, context):
    context.set_trailing_metadata((("x-trailer", "behind"),))
    return request[::-1]


def fails(request, context):
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now: ä")


def counts(request, context):
    for number in range(int(request)):
        yield str(number).encode()


def sums(requests, context):
    return str(sum(len(request) for request in requests)).encode()


def talks(requests, context):
    for request in requests:
        yield request.upper()


def sleeps(request, context):
    asked.append(request)
    context.add_callback(lambda: cancelled.append(request))
    while context.is_active():
        time.sleep(0.01)
    return b""


def was_asked(request, context):
    return str(asked.count(request)).encode()


def was_cancelled(request, context):
    return str(cancelled.count(request)).encode()


METHODS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Fails": grpc.unary_unary_rpc_method_handler(fails),
    "Counts": grpc.unary_stream_rpc_method_handler(counts),
    "Sums": grpc.stream_unary_rpc_method_handler(sums),
    "Talks": grpc.stream_stream_rpc_method_handler(talks),
    "Sleeps": grpc.unary_unary_rpc_method_handler(sleeps),
    "WasAsked": grpc.unary_unary_rpc_method_handler(was_asked),
    "WasCancelled": grpc.unary_unary_rpc_method_handler(was_cancelled),
}

size = 64 << 20
server = grpc.server(
    futures.ThreadPoolExecutor(max_workers=16),
    options=(("grpc.max_receive_message_length", size), ("grpc.max_send_message_length", size)),
)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", METHODS),))
socket, certificate, key, port = map(pathlib.Path, sys.argv[1:5])
credentials = grpc.ssl_server_credentials(((key.read_bytes(), certificate.read_bytes()),))
port.write_text(str(server.add_secure_port("127.0.0.1:0", credentials)))
server.add_insecure_port(f"unix:{socket}")
server.start()
server.wait_for_termination()
