# SPDX-License-Identifier: Apache-2.0
"""Another archive, and a server of WARC files, on loopback: real answers, or wrong ones on command.

other = MementoArchive(origin, "https://site.example/terms")
other.add("20200203040506", b"<p>old terms</p>")
other.instead("20200203040506", too_many(1))  # once; then the memento again
other.timemap()  # the URL of its TimeMap
"""

import datetime as dt
import json
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from support.origin import Origin, Reply, Reset, Step, response

Made = Reply | bytes
_RANGE = re.compile(rb"(?i)\r\nrange: bytes=([0-9]+)-([0-9]+)\r\n")


def http_date(stamp: str) -> str:
    """The 14 digits as HTTP writes a time."""
    moment = dt.datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC)
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


def too_many(seconds: int | None = None) -> bytes:
    """A 429, with Retry-After if a number is given."""
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    return response(b"slow down\n", status="429 Too Many Requests", headers=headers)


def broken(status: str = "502 Bad Gateway") -> bytes:
    return response(b"<h1>broken</h1>", status=status)


def cut_off(whole: bytes, missing: int = 5) -> Reply:
    """The answer without its last bytes, and the end of the connection."""
    return Reply((whole[:-missing],))


def reset() -> Reply:
    steps: tuple[Step, ...] = (Reset(),)
    return Reply(steps)


@dataclass
class MementoArchive:
    """Mementos of one URL, named as the Wayback Machine names them."""

    origin: Origin
    original: str
    stamps: list[str] = field(default_factory=list)
    _instead: dict[str, list[Made]] = field(default_factory=lambda: defaultdict(list))

    def url(self, stamp: str, modifier: str = "") -> str:
        return self.origin.url(self.path(stamp, modifier))

    def path(self, stamp: str, modifier: str = "id_") -> str:
        return f"/web/{stamp}{modifier}/{self.original}"

    def add(
        self,
        stamp: str,
        body: bytes,
        *headers: tuple[str, str],
        status: str = "200 OK",
        content_type: str = "text/html; charset=utf-8",
    ) -> bytes:
        """A memento; what it is answered with."""
        whole = response(
            body,
            status=status,
            content_type=content_type,
            headers=(
                ("Memento-Datetime", http_date(stamp)),
                ("Link", f'<{self.original}>; rel="original"'),
                *headers,
            ),
        )
        self.stamps.append(stamp)
        self.answer(stamp, whole)
        return whole

    def answer(self, stamp: str, whole: bytes | Reply) -> None:
        """What its raw bytes are asked for and answered with, from now on."""

        def make(_request: bytes) -> Made:
            waiting = self._instead[stamp]
            if waiting:
                return waiting.pop(0)
            return Reply((whole,), keep_alive=True) if isinstance(whole, bytes) else whole

        self.origin.answer(self.path(stamp), make)

    def instead(self, stamp: str, *answers: Made) -> None:
        """Other answers, each once, before the memento is served again."""
        self._instead[stamp] += answers

    def asked(self, stamp: str) -> int:
        """How often the raw bytes were asked for."""
        return len(self.origin.requests_for(self.path(stamp)))

    def links(self, stamps: Sequence[str] | None = None, pages: Sequence[str] = ()) -> bytes:
        lines = [
            f'<{self.original}>; rel="original"',
            f'<{self.origin.url("/web/")}{self.original}>; rel="timegate"',
        ]
        lines += [f'<{page}>; rel="timemap"; type="application/link-format"' for page in pages]
        lines += [
            f'<{self.url(stamp)}>; rel="memento"; datetime="{http_date(stamp)}"'
            for stamp in (self.stamps if stamps is None else stamps)
        ]
        return (",\n".join(lines) + "\n").encode()

    def timemap(self, path: str = "/timemap/link/it", body: bytes | None = None) -> str:
        """The URL of a TimeMap that is served from now on."""
        data = self.links() if body is None else body
        self.origin.page(path, data, content_type="application/link-format")
        return self.origin.url(path)

    def json_timemap(self, path: str = "/timemap/json/it") -> str:
        listed = [
            {
                "datetime": dt.datetime.strptime(stamp, "%Y%m%d%H%M%S")
                .replace(tzinfo=dt.UTC)
                .strftime("%Y-%m-%dT%H:%M:%SZ"),
                "uri": self.url(stamp),
            }
            for stamp in self.stamps
        ]
        value = {"original_uri": self.original, "mementos": {"list": listed}}
        self.origin.page(path, json.dumps(value), content_type="application/json")
        return self.origin.url(path)


class WarcServer:
    """Serves files by range (RFC 9110 section 14), or whatever it is told to instead."""

    def __init__(self, origin: Origin, folder: str = "/warcs/") -> None:
        self.origin = origin
        self.base = origin.url(folder)
        self._folder = folder
        self._instead: list[Made | Callable[[bytes], Made]] = []
        self.ranges: list[tuple[int, int]] = []

    def add(self, name: str, data: bytes) -> None:
        def make(request: bytes) -> Made:
            match = _RANGE.search(request)
            assert match is not None, "every request is for a range"
            first, last = int(match[1]), int(match[2])
            self.ranges.append((first, last - first + 1))
            whole = partial_content(data, first, last)
            if self._instead:
                made = self._instead.pop(0)
                return made(whole) if callable(made) else made
            return Reply((whole,), keep_alive=True)

        self.origin.answer(self._folder + name, make)

    def instead(self, *answers: Made | Callable[[bytes], Made]) -> None:
        """Other answers, each once; one that is a function is given the right one."""
        self._instead += answers


def partial_content(
    data: bytes, first: int, last: int, stated: str | None = None, *headers: tuple[str, str]
) -> bytes:
    if first >= len(data):
        return response(b"", status="416 Range Not Satisfiable")
    last = min(last, len(data) - 1)
    named = stated or f"bytes {first}-{last}/{len(data)}"
    return response(
        data[first : last + 1],
        status="206 Partial Content",
        content_type="application/octet-stream",
        headers=(("Content-Range", named), *headers),
    )
