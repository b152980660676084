# SPDX-License-Identifier: Apache-2.0
"""A witness of c2sp.org/tlog-witness that can misbehave on command, on a loopback port."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.notes import private_key, witness_key, witness_line

from archive.errors import MalformedNote
from archive.proofs.add_checkpoint import AddCheckpoint
from archive.proofs.checkpoint import Checkpoint
from archive.proofs.merkle import TreeHead
from archive.proofs.note import NoteSignature

NUMBER = 5
VKEY = witness_key(NUMBER).to_text()

Reply = tuple[int, bytes]
Mood = Callable[[AddCheckpoint], Reply]


def obliging(request: AddCheckpoint) -> Reply:
    """Cosigns whatever comes."""
    return 200, witness_line(request.checkpoint.checkpoint, NUMBER).to_line().encode()


def never_there(_request: AddCheckpoint) -> Reply:
    """Accepts the connection and says nothing."""
    time.sleep(60)
    return 200, b""


def by_a_key_of_its_own(request: AddCheckpoint) -> Reply:
    return 200, witness_line(request.checkpoint.checkpoint, 6).to_line().encode()


def by_another_key_under_its_name(request: AddCheckpoint) -> Reply:
    name = witness_key(NUMBER).name
    return 200, witness_line(request.checkpoint.checkpoint, 6, name=name).to_line().encode()


def of_another_tree(request: AddCheckpoint) -> Reply:
    body = request.checkpoint.checkpoint
    other = Checkpoint(body.origin, TreeHead(body.head.size + 1, bytes(32)))
    return 200, witness_line(other, NUMBER).to_line().encode()


def without_a_time(request: AddCheckpoint) -> Reply:
    key = witness_key(NUMBER)
    text = request.checkpoint.note.text

    return 200, NoteSignature(
        key.name, key.key_id, private_key(NUMBER).sign(text)
    ).to_line().encode()


def in_garbage(_request: AddCheckpoint) -> Reply:
    return 200, b"\xff\xfe no signature here\n"


def in_nothing(_request: AddCheckpoint) -> Reply:
    return 200, b""


def at_endless_length(request: AddCheckpoint) -> Reply:
    return 200, obliging(request)[1] * 3000


def that_saw_more(request: AddCheckpoint) -> Reply:
    return 409, b"%d\n" % (request.checkpoint.head.size + 1000)


def that_wants_another_size_each_time(request: AddCheckpoint) -> Reply:
    sizes = range(1, request.checkpoint.head.size + 1)
    return 409, b"%d\n" % next((size for size in sizes if size != request.old_size), 1)


def that_names_no_size(_request: AddCheckpoint) -> Reply:
    return 409, b"many\n"


def that_redirects(_request: AddCheckpoint) -> Reply:
    return 302, b"elsewhere"


def that_is_broken(_request: AddCheckpoint) -> Reply:
    return 500, b"oh no"


MOODS: tuple[Mood, ...] = (
    never_there,
    by_a_key_of_its_own,
    by_another_key_under_its_name,
    of_another_tree,
    without_a_time,
    in_garbage,
    in_nothing,
    at_endless_length,
    that_saw_more,
    that_wants_another_size_each_time,
    that_names_no_size,
    that_redirects,
    that_is_broken,
)


@contextmanager
def wicked(mood: Mood) -> Iterator[str]:
    """The address of a witness in this mood."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                request = AddCheckpoint.from_bytes(body)
                status, answer = mood(request)
            except MalformedNote:
                status, answer = 400, b"malformed\n"
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
            except OSError:
                pass  # who asked has gone

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def dripping() -> Iterator[str]:
    """The address of a witness that sends a byte of a header line now and then, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection:
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not ended.wait(0.05):
                    connection.sendall(b"x")
            except OSError:
                pass

    def serve() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
