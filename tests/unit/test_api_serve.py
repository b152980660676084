# SPDX-License-Identifier: Apache-2.0
"""`muniment serve` as a process: settings reach the workers, and TERM ends it cleanly."""

import contextlib
import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from support.archives import page
from support.origin import Origin, Wait, response

from archive.bootstrap import init_archive
from archive.settings import load_settings

_MAIN = "from archive.cli import main; main()"


def serve(data: Path, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _MAIN, "--data", str(data), "serve", "--port", "0", *options],
        env={**os.environ, "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_serve_end_to_end(tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = {"MUNIMENT_DATA": str(data), "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8"}
    archive, made = init_archive(load_settings(environment=environment))
    archive.close()
    process = serve(data)
    try:
        assert process.stdout is not None
        base = process.stdout.readline().split()[2].rstrip("/")
        with Origin() as origin:
            origin.page("/terms", "<title>T</title><p>" + "We may share your data. " * 40)
            record = post(
                f"{base}/api/v1/captures?wait=30", {"url": origin.url("/terms")}, made.api_key
            )
        with urllib.request.urlopen(f"{base}/{record['id']}") as answer:
            page = answer.read().decode()
            assert len(answer.headers.get_all("Date")) == 1
        assert f"{base}/{record['id']}/v1" in page
        report = post(f"{base}/api/v1/verifications", {"id": record["id"]}, None)
        assert report["result"] == "verified"
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=40)
    assert process.returncode == 0, errors
    lines = [json.loads(line) for line in errors.splitlines()]
    assert {"event", "method", "path", "status", "ms", "request_id"} <= lines[0].keys()


def test_slow_clients_do_not_keep_others_out(tmp_path: Path) -> None:
    data = tmp_path / "data"
    init_archive(load_settings(environment={"MUNIMENT_DATA": str(data)}))[0].close()
    process = serve(data)
    try:
        assert process.stdout is not None
        base = process.stdout.readline().split()[2].rstrip("/")
        address = ("127.0.0.1", int(base.rsplit(":", 1)[1]))
        upload = b"POST /api/v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
        upload += b"Content-Type: application/octet-stream\r\n\r\nabc"
        slow = [begun(address, upload) for _ in range(24)]
        for _ in range(5):
            with urllib.request.urlopen(f"{base}/api/v1/health", timeout=8) as answer:
                assert answer.status == 200
        ends = [end_of(connection) for connection in slow]
        assert {end[9:12] for end in ends} == {b"408", b"503"}
        assert all(b"Retry-After" in end for end in ends if end[9:12] == b"503")
        heads = [begun(address, b"GET / HTTP/1.1\r\nHost: x\r\nX") for _ in range(24)]
        silent = [begun(address, b"") for _ in range(40)]
        with urllib.request.urlopen(f"{base}/api/v1/health", timeout=8) as answer:
            assert answer.status == 200
        assert {end_of(connection) for connection in heads + silent} == {b""}
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=40)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


CHUNKED = (
    b"POST /api/v1/verifications HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    b"Transfer-Encoding: chunked\r\n"
)
CHUNKS = b"8000\r\n" + b" " * 32768 + b"\r\n"
GET = b"GET /limits HTTP/1.1\r\nConnection: close\r\nHost: "
ODD_REQUESTS = {
    "a path of its own": (GET + b"x\r\nSCRIPT_NAME: /evil\r\n\r\n", b"200"),
    "another path": (GET + b"x\r\nPATH_INFO: /metrics\r\n\r\n", b"200"),
    "two schemes": (GET + b"x\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n\r\n", b"200"),
    "a host that is none": (GET + b"a" * 300 + b"\r\n\r\n", b"400"),
    "a giant field": (GET + b"x\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", b"431"),
    "many fields": (GET + b"x\r\n" + b"A: b\r\n" * 500 + b"\r\n", b"431"),
    "a folded field": (GET + b"x\r\nAuthorization: Bearer\r\n %s\r\n\r\n", b"400"),
    "a key that ends in NUL": (GET + b"x\r\nAuthorization: Bearer %s\0\r\n\r\n", b"400"),
    "a field's name in colour": (GET + b"x\r\nA\x1b[31mB: %s\r\n\r\n", b"400"),
    "a key in the path": (b"GET /%s\x9b HTTP/9.9\r\n\r\n", b"400"),
    "no chunk": (CHUNKED + b"Content-Type: application/octet-stream\r\n\r\nzz\r\n\r\n", b"400"),
    "half a chunk": (
        CHUNKED + b"Content-Type: application/octet-stream\r\n\r\n8\r\nabc",
        b"400",
    ),
    "too much in chunks": (
        CHUNKED + b"Content-Type: application/json\r\n\r\n" + CHUNKS * 4 + b"0\r\n\r\n",
        b"413",
    ),
    "two lengths": (CHUNKED + b"Content-Length: 3\r\n\r\n0\r\n\r\n", b"400"),
}


def test_odd_requests_are_refused_and_logged_without_secrets(tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = {"MUNIMENT_DATA": str(data)}
    archive, made = init_archive(load_settings(environment=environment))
    archive.close()
    key = str(made.api_key)
    process = serve(data)
    answers: dict[str, bytes] = {}
    try:
        assert process.stdout is not None
        base = process.stdout.readline().split()[2].rstrip("/")
        address = ("127.0.0.1", int(base.rsplit(":", 1)[1]))
        opened = {
            name: begun(address, sent.replace(b"%s", key.encode()))
            for name, (sent, _) in ODD_REQUESTS.items()
        }
        for name, connection in opened.items():
            connection.shutdown(socket.SHUT_WR)
            answers[name] = end_of(connection)[9:12]
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=40)
    assert answers == {name: status for name, (_, status) in ODD_REQUESTS.items()}
    assert key.split("_", 2)[2] not in errors
    assert errors.isascii()
    lines = [json.loads(line) for line in errors.splitlines()]
    assert [line for line in lines if "exception" in line] == []


def workers_of(parent: int) -> list[int]:
    """The processes of `muniment worker` that belong to this server."""
    found = []
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = status.read_bytes().split(b"\0")
            if b"worker" in words and str(parent).encode() in words:
                found.append(int(status.parent.name))
    return found


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
def test_the_worker_beside_the_server_is_started_again_and_ends_with_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = {"MUNIMENT_DATA": str(data), "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8"}
    archive, made = init_archive(load_settings(environment=environment))
    archive.close()
    process = serve(data)
    try:
        assert process.stdout is not None
        base = process.stdout.readline().split()[2].rstrip("/")
        until(lambda: len(workers_of(process.pid)) == 1)
        [first] = workers_of(process.pid)
        os.kill(first, signal.SIGKILL)
        with Origin() as origin:
            origin.page("/terms", "<title>T</title><p>" + "We may share your data. " * 40)
            asked = {"url": origin.url("/terms")}
            record = post(f"{base}/api/v1/captures?wait=30", asked, made.api_key)
        assert record["outcome"] == "ok"
        [second] = workers_of(process.pid)
        assert second != first
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=40)
    until(lambda: not workers_of(process.pid))


def test_serve_without_a_worker_takes_jobs_and_does_none(tmp_path: Path) -> None:
    data = tmp_path / "data"
    archive, made = init_archive(load_settings(environment={"MUNIMENT_DATA": str(data)}))
    archive.close()
    process = serve(data, "--no-worker")
    try:
        assert process.stdout is not None
        base = process.stdout.readline().split()[2].rstrip("/")
        job = post(f"{base}/api/v1/captures?wait=1", {"url": "http://a.example/"}, made.api_key)
        assert job["state"] == "queued"
        assert workers_of(process.pid) == []
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=40)
    assert process.returncode == 0, errors


def begun(address: tuple[str, int], data: bytes) -> socket.socket:
    connection = socket.create_connection(address, timeout=40)
    connection.sendall(data)
    return connection


def end_of(connection: socket.socket) -> bytes:
    with connection, contextlib.suppress(ConnectionResetError):
        return b"".join(iter(lambda: connection.recv(65536), b""))
    return b""


def test_serve_says_in_one_line_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, "--data", str(tmp_path), "serve", "--port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1
    assert "muniment init" in done.stderr


def test_serve_says_in_one_line_that_the_port_is_taken(tmp_path: Path) -> None:
    data = tmp_path / "data"
    init_archive(load_settings(environment={"MUNIMENT_DATA": str(data)}))[0].close()
    with Origin() as origin:
        done = subprocess.run(
            [sys.executable, "-c", _MAIN, "--data", str(data), "serve", "--port", str(origin.port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
    assert "--port" in done.stderr


def post(url: str, body: dict[str, str], key: str | None) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            read: dict[str, str] = json.loads(answer.read())
            return read
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read()) from error


@pytest.mark.slow
def test_a_killed_server_does_not_capture_the_same_request_twice(tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = {"MUNIMENT_DATA": str(data), "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8"}
    archive, made = init_archive(load_settings(environment=environment))
    archive.close()
    body = page("It comes, at times late.")
    with Origin() as origin:
        # From before the look, through its steps, to after its answer.
        for delay in (0.05, 0.25, 0.32, 0.34, 0.36, 0.4, 0.6):
            origin.add(f"/{delay}", Wait(0.3), response(body))
            wanted = {"url": origin.url(f"/{delay}")}
            process = serve(data)
            assert process.stdout is not None
            base = process.stdout.readline().split()[2].rstrip("/")
            sent = threading.Thread(target=try_post, args=(base, wanted, made.api_key))
            sent.start()
            time.sleep(delay)
            kill_all(process)
            sent.join()
            again = serve(data)
            assert again.stdout is not None
            base = again.stdout.readline().split()[2].rstrip("/")
            first = try_post(base, wanted, made.api_key)
            assert first == try_post(base, wanted, made.api_key)
            again.send_signal(signal.SIGTERM)
            again.communicate(timeout=40)
            with contextlib.closing(sqlite3.connect(data / "catalog.sqlite")) as catalog:
                asked = catalog.execute("select id from capture where url = ?", (wanted["url"],))
                assert asked.fetchall() == [(first["id"],)], delay


def try_post(base: str, body: dict[str, str], key: str | None) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {key}",
        "Idempotency-Key": body["url"],
    }
    place = f"{base}/api/v1/captures?wait=60"
    request = urllib.request.Request(place, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=70) as answer:
            read: dict[str, str] = json.loads(answer.read())
            return read
    except (OSError, http.client.HTTPException):
        return {}


def kill_all(process: "subprocess.Popen[str]") -> None:
    """Kill the server and its workers as a power cut would."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in (process.pid, *map(int, children)):
        os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=10)
