# SPDX-License-Identifier: Apache-2.0
"""Real archives for tests, pages to capture, and ways to look at and to damage what is stored."""

import contextlib
import gzip
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from support.origin import Endless, Origin, Reset, Stall, chunked, response

from archive.bootstrap import init_archive
from archive.catalog.tables import EVIDENCE_TABLES
from archive.ids import RecordId
from archive.model.claim import Report, Status
from archive.model.look import Look
from archive.services.capturing.capture import Recorded, capture
from archive.services.context import Archive
from archive.services.log.publishing import publish_log
from archive.services.recovery.rebuild import Rebuilt, rebuild
from archive.services.upkeep.audit import Audit, AuditOptions, audit
from archive.settings import Settings, load_settings

Tables = dict[str, list[tuple[object, ...]]]
LIMIT = 200_000


def page(*sentences: str, title: str = "Terms of Service") -> bytes:
    """A page that is large enough to be judged a document."""
    words = sentences or ("We may share data with our partners.",)
    body = "".join(
        f"<p>{sentence} {'It applies to all of our services. ' * 8}</p>" for sentence in words
    )
    head = f"<html><head><title>{title}</title></head><body><h1>{title}</h1>"
    return f"{head}{body}</body></html>".encode()


def settings_at(folder: Path, **more: str) -> Settings:
    """Settings of an archive that may reach loopback; `more` is as in the environment."""
    return load_settings(
        environment={
            "MUNIMENT_DATA": str(folder),
            "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
            **more,
        }
    )


def hasty_settings(folder: Path, **more: str) -> Settings:
    """Settings with a limit of one second and of few bytes, so that looks fail fast."""
    return settings_at(
        folder,
        MUNIMENT_CAPTURE_TIMEOUT_SECONDS="1",
        MUNIMENT_CAPTURE_BYTES_LIMIT=str(LIMIT),
        MUNIMENT_CAPTURE_DECODED_BYTES_LIMIT=str(LIMIT),
        **more,
    )


def new_archive(settings: Settings) -> Archive:
    """A new archive of these settings; the caller closes it."""
    opened, _ = init_archive(settings)
    return opened


def look_at(archive: Archive, url: str) -> Look:
    """The signed look at a URL, captured now."""
    return captured(archive, url).signed.look


def captured(archive: Archive, url: str) -> Recorded:
    """What `capture` recorded of a URL."""
    return capture(archive, url)


def minted(archive: Archive, url: str) -> RecordId:
    """The ID of a new capture of a URL."""
    look = look_at(archive, url)
    assert look.capture_id is not None, (look.outcome, look.reason)
    return look.capture_id


def tables(archive: Archive) -> Tables:
    """Every row and column of every evidence table, sorted.

    What was nudged is published first: a rebuild may order what is not published otherwise.
    """
    archive.publisher.settle()
    with archive.database.reading() as connection:
        return {
            table.name: sorted(
                (tuple(row) for row in connection.execute(sa.select(table))), key=repr
            )
            for table in EVIDENCE_TABLES
        }


def audited(archive: Archive, level: str = "full") -> Audit:
    """An audit of everything, in this process alone."""
    return audit(archive, lambda _done, _total: None, AuditOptions(level))


def published(archive: Archive) -> None:
    """Everything that is logged is published now, by this process."""
    archive.publisher.settle()
    publish_log(archive)


def rebuilt(archive: Archive) -> Rebuilt:
    """The catalogue remade."""
    return rebuild(archive, lambda _key: None)


def failures(report: Report) -> set[tuple[str, str]]:
    """Claim and code of every finding that fails."""
    return {(f.claim, f.code) for f in report.findings if f.status is Status.FAIL}


def unknowns(report: Report) -> set[tuple[str, str]]:
    """Claim and code of every finding that is unknown, but for the one that always is."""
    return {
        (f.claim, f.code)
        for f in report.findings
        if f.status is Status.UNKNOWN and f.claim != "server.authorship"
    }


def stored_file(settings: Settings, key: str) -> Path:
    """The file of an object in the default store."""
    return settings.data / "store" / key


def stored_keys(settings: Settings, prefix: str = "") -> list[str]:
    """The keys in the default store, by the file system alone."""
    root = settings.data / "store"
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    kept = (str(path) for path in found if path.parts[0] != ".tmp")
    return sorted(key for key in kept if key.startswith(prefix))


def overwrite(path: Path, data: bytes) -> None:
    """Put other bytes in place of a stored file's, whatever its mode."""
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    path.write_bytes(data)


@contextlib.contextmanager
def damaged(path: Path, data: bytes | None) -> Iterator[None]:
    """The file holds other bytes, or is gone, while the block runs."""
    sound = path.read_bytes()
    try:
        if data is None:
            path.unlink()
        else:
            overwrite(path, data)
        yield
    finally:
        path.unlink(missing_ok=True)
        path.write_bytes(sound)


def flipped(data: bytes, bit: int) -> bytes:
    """The data with one bit turned over."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def is_root() -> bool:
    """Whether file modes do not bind this process."""
    return os.geteuid() == 0


def add_documents(origin: Origin) -> dict[str, str]:
    """Pages whose outcome is *ok*: what each is called, and its path."""
    zipped = gzip.compress(page("This one is sent in the gzip coding."), mtime=0)
    origin.page("/plain", page("This one is sent as it is."))
    origin.page("/gzip", zipped, headers={"Content-Encoding": "gzip"})
    origin.page("/x-gzip", zipped, headers={"Content-Encoding": "x-gzip"})
    origin.page("/false-gzip", page("It is plain."), headers={"Content-Encoding": "gzip"})
    origin.add(
        "/chunked",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked(page("This one comes"), page("in two chunks")),
    )
    origin.add(
        "/chunked-gzip",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + chunked(zipped[:99], zipped[99:]),
    )
    origin.add(
        "/until-close",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n",
        page("It ends."),
    )
    origin.redirect("/moved", "/moved-again")
    origin.redirect("/moved-again", "/at-last", status="301 Moved Permanently")
    origin.page("/at-last", page("This one is found at the end of a chain."))
    origin.add(
        "/odd-headers",
        b"HTTP/1.1 200 Tr\xe8s bien\r\nContent-Type: text/html; charset=utf-8\r\n"
        b"Set-Cookie: \xb3\xd2=1\r\nX-\x01: \x7f\r\nDate: " + b"\xff\x01" * 40 + b"\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(page("Odd.")), page("Odd.")),
    )
    origin.add("/no-colon", b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n" + page("Lax."))
    origin.page("/plain-text", b"Terms. " * 60, content_type="text/plain")
    origin.page("/picture", bytes(range(256)) * 40, content_type="image/png")
    names = ["plain", "gzip", "x-gzip", "false-gzip", "chunked", "chunked-gzip", "until-close"]
    names += ["moved", "odd-headers", "no-colon", "plain-text", "picture"]
    return {name: f"/{name}" for name in names}


def add_refusals(origin: Origin) -> dict[str, tuple[str, str]]:
    """Looks whose outcome is not *ok*: what each is called, its URL, and the outcome."""
    half_gzip = gzip.compress(page(), mtime=0)[:150]
    bomb = gzip.compress(bytes(20 * LIMIT), mtime=0)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
    origin.page("/404", page("There is no such page."), status="404 Not Found")
    origin.page("/403", page("No."), status="403 Forbidden")
    origin.page("/empty", b"")
    origin.page("/204", b"", status="204 No Content", content_type=None)
    origin.add("/cut", head + b"Content-Length: 9000\r\n\r\n", page(), Reset())
    origin.add("/cut-early", head + b"Content-Length: 9000\r\n\r\n" + page())
    origin.add("/cut-chunk", head + b"Transfer-Encoding: chunked\r\n\r\n", chunked(page())[:-9])
    origin.add("/cut-in-chunk", head + b"Transfer-Encoding: chunked\r\n\r\nfff\r\n" + page())
    origin.add("/bad-chunk", head + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + page())
    origin.add(
        "/cut-gzip",
        head + b"Content-Encoding: gzip\r\nContent-Length: 9000\r\n\r\n" + half_gzip,
    )
    origin.add("/silent", Stall())
    origin.add("/stalls", head + b"Content-Length: 9000\r\n\r\n" + page(), Stall())
    origin.add("/half-head", b"HTTP/1.1 200 OK\r\nContent-Type: te", Stall())
    origin.add("/half-head-closed", b"HTTP/1.1 200 OK\r\nContent-Type: te")
    origin.add("/nothing")
    origin.add("/no-http", b"SSH-2.0-OpenSSH_9.6\r\n", page())
    origin.add("/no-http-binary", bytes(range(256)) * 4)
    origin.add("/two-lengths", head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!")
    origin.page("/bomb", bomb, headers={"Content-Encoding": "gzip"})
    origin.add("/endless", head + b"\r\n", Endless())
    many = Endless(b"5\r\nhello\r\n")
    origin.add("/endless-chunks", head + b"Transfer-Encoding: chunked\r\n\r\n", many)
    origin.redirect("/to-private", "http://10.0.0.1/terms")
    origin.redirect("/to-metadata", "http://169.254.169.254/latest/meta-data/")
    origin.redirect("/to-file", "file:///etc/passwd")
    origin.redirect("/to-secret", "https://user:hunter2@secret.example/")
    origin.redirect("/loop", "/loop")
    origin.redirect("/to-nobody", f"http://127.0.0.1:{closed_port()}/")
    origin.redirect("/to-silence", "/silent")
    origin.add("/legal", raw=response(page("No."), status="451 Unavailable For Legal Reasons"))
    outcomes = {
        "404": "error-page",
        "403": "blocked",
        "empty": "empty",
        "204": "no-content",
        "cut": "truncated",
        "cut-early": "truncated",
        "cut-chunk": "truncated",
        "cut-in-chunk": "truncated",
        "bad-chunk": "malformed-response",
        "cut-gzip": "truncated",
        "silent": "timeout",
        "stalls": "timeout",
        "half-head": "timeout",
        "half-head-closed": "truncated",
        "nothing": "unreachable",
        "no-http": "malformed-response",
        "no-http-binary": "malformed-response",
        "two-lengths": "malformed-response",
        "bomb": "too-large",
        "endless": "too-large",
        "endless-chunks": "too-large",
        "to-private": "redirect-refused",
        "to-metadata": "redirect-refused",
        "to-file": "redirect-refused",
        "to-secret": "redirect-refused",
        "loop": "too-many-redirects",
        "to-nobody": "unreachable",
        "to-silence": "timeout",
        "legal": "blocked",
    }
    found = {name: (origin.url(f"/{name}"), outcome) for name, outcome in outcomes.items()}
    found["refused"] = (f"http://127.0.0.1:{closed_port()}/", "unreachable")
    return found
