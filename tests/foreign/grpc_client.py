"""A gRPC client against the edge, over TLS. Arguments: port and the authority's certificate."""

import queue
import sys
import time

import grpc

port, authority = sys.argv[1:3]
size = 64 << 20
with open(authority, "rb") as file:
    credentials = grpc.ssl_channel_credentials(file.read())
channel = grpc.secure_channel(
    f"localhost:{port}",
    credentials,
    options=(("grpc.max_receive_message_length", size), ("grpc.max_send_message_length", size), ("grpc.enable_http_proxy", 0)),
)


def name(method):
    return f"/test.Test/{method}"


def status_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("no error")


unary = channel.unary_unary(name("Unary"))
answer, call = unary.with_call(b"abc", timeout=10)
assert answer == b"cba" and ("x-trailer", "behind") in call.trailing_metadata(), call.trailing_metadata()
for length in (0, 1, 100_000, 20 << 20):
    message = bytes(length)
    assert unary(message, timeout=20) == message, length
for _ in range(200):
    assert unary(b"ab", timeout=10) == b"ba"

error = status_of(lambda: channel.unary_unary(name("Fails"))(b"", timeout=10))
assert (error.code(), error.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "not now: ä"), error
error = status_of(lambda: channel.unary_unary(name("Missing"))(b"", timeout=10))
assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error

counts = channel.unary_stream(name("Counts"))
assert list(counts(b"1000", timeout=10)) == [str(number).encode() for number in range(1000)]
sums = channel.stream_unary(name("Sums"))
assert sums((bytes(10_000) for _ in range(300)), timeout=20) == b"3000000"

# What is said is heard before more is said.
said = queue.Queue()
heard = channel.stream_stream(name("Talks"))(iter(said.get, None), timeout=20)
for word in (b"one", b"two", b"three"):
    said.put(word)
    assert next(heard) == word.upper()
said.put(None)
assert list(heard) == [] and heard.code() == grpc.StatusCode.OK

def wait_until(method, which):
    end = time.monotonic() + 10
    while channel.unary_unary(name(method))(which, timeout=5) != b"1":
        assert time.monotonic() < end, f"{method}: {which}"


# The server counts for each request; others may have asked it before.
deadline, cancel = f"deadline {port}".encode(), f"cancel {port}".encode()
sleeps = channel.unary_unary(name("Sleeps"))
error = status_of(lambda: sleeps(deadline, timeout=0.3))
assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
wait_until("WasCancelled", deadline)
future = sleeps.future(cancel, timeout=20)
wait_until("WasAsked", cancel)
future.cancel()
wait_until("WasCancelled", cancel)

# Refusals of the edge itself.
error = status_of(lambda: channel.unary_unary("/down.Down/Any")(b"", timeout=10))
assert error.code() == grpc.StatusCode.UNAVAILABLE and error.details() == "Bad Gateway", error
error = status_of(lambda: channel.unary_unary("/nowhere.Nowhere/Any")(b"", timeout=10))
assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
error = status_of(lambda: unary(bytes(40 << 20), timeout=20))
assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
print("all well")
