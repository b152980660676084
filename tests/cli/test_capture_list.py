# SPDX-License-Identifier: Apache-2.0
"""`muniment capture --list`: reads lists strictly, resumes, and writes whole results files."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.archives import new_archive, page, settings_at, tables
from support.origin import Origin, Wait, response
from support.working import MAIN, ROOT

from archive.bootstrap import open_archive
from archive.errors import InputError
from archive.services.capturing.url_list import Item, read_list
from archive.settings import Settings

pytestmark = pytest.mark.both_databases(later=True)

COUNT = 60


def written(tmp_path: Path, name: str, data: bytes | str) -> Path:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


@pytest.mark.parametrize(
    ("name", "data", "items"),
    [
        ("a.csv", "url\nhttp://a/\n", [Item(1, "http://a/")]),
        ("a.csv", "http://a/\nhttp://b/\n", [Item(1, "http://a/"), Item(2, "http://b/")]),
        ("a.csv", "\ufeffURL\r\nhttp://a/\r\n", [Item(1, "http://a/")]),
        (
            "a.csv",
            'note,x,url,document\n"a, ""b""\nc",1, http://a/ ,CA-D-00001-11\n\n,,http://b/,\n',
            [
                Item(1, "http://a/", {"document": "CA-D-00001-11", "note": 'a, "b"\nc'}),
                Item(2, "http://b/"),
            ],
        ),
        (
            "a.jsonl",
            '{"url":"http://a/","note":"n","other":1}\n\n',
            [Item(1, "http://a/", {"note": "n"})],
        ),
        ("stdin", ' {"url":"http://a/"}', [Item(1, "http://a/")]),
        ("stdin", "http://a/", [Item(1, "http://a/")]),
    ],
)
def test_a_list_is_read(tmp_path: Path, name: str, data: str, items: list[Item]) -> None:
    found = read_list(written(tmp_path, name, data))
    assert list(found.items()) == items
    assert found.count == len(items)


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("a.csv", "", "no URLs"),
        ("a.csv", "url\n\n\n", "no URLs"),
        ("a.csv", "url,note\nhttp://a/\n,n\n", "line 3"),
        ("a.csv", "http://a/,x\n", "header"),
        ("a.csv", 'url\n"http://a/\n', "CSV"),
        ("a.csv", b"url\nhttp://a/\xff\n", "line 2"),
        ("a.csv", "url\n" + "x" * 70_000, "line 2"),
        ("a.jsonl", "[1]\n", "line 1"),
        ("a.jsonl", '{"url":"http://a/"}\n{"url":1}\n', "line 2"),
        ("a.jsonl", '{"url":"http://a/"}\n{"note":"x"}\n', "line 2"),
        ("a.jsonl", '{"url":"a","url":"b"}\n', "line 1"),
        ("a.jsonl", '{"url":', "line 1"),
    ],
)
def test_a_list_that_is_not_sound_is_refused_with_its_line(
    tmp_path: Path, name: str, data: bytes | str, word: str
) -> None:
    with pytest.raises(InputError, match=word):
        read_list(written(tmp_path, name, data))


@pytest.fixture
def site() -> Iterator[Origin]:
    with Origin() as origin:
        for number in range(COUNT):
            origin.add(
                f"/{number}",
                Wait(0.05),
                response(page(f"This is page number {number}.")),
                keep_alive=True,
            )
        yield origin


class Lists:
    """Runs the command on an archive of its own."""

    def __init__(self, folder: Path, database_setting: dict[str, str]) -> None:
        self.folder = folder
        self.settings: Settings = settings_at(folder / "data", **database_setting)
        new_archive(self.settings).close()

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-c", MAIN, "capture", *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                "MUNIMENT_DATA": str(self.settings.data),
                "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
                "MUNIMENT_DATABASE_URL": self.settings.database.url,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(stdin)
        return process.returncode, out.decode(), err.decode()

    def captures(self) -> list[tuple[object, ...]]:
        archive = open_archive(self.settings)
        try:
            return tables(archive)["capture"]
        finally:
            archive.close()


@pytest.fixture
def lists(tmp_path: Path, database_setting: dict[str, str]) -> Lists:
    return Lists(tmp_path, database_setting)


def rows_of(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_every_line_gets_its_result(lists: Lists, site: Origin, form: str) -> None:
    urls = [site.url("/1"), site.url("/missing"), "ftp://x/", site.url("/1"), "http://10.0.0.1/"]
    text = "url,note\n" + "".join(f'{url},"no. {n}, x"\n' for n, url in enumerate(urls))
    source = written(lists.folder, "list.csv", text)
    results = lists.folder / f"results.{form}"
    code, out, err = lists.run("--list", str(source), "--results", str(results))
    assert (code, out) == (1, ""), err
    rows = rows_of(results)
    assert [row["url"] for row in rows] == urls
    assert [row["outcome"] for row in rows] == ["ok", "error-page", "refused", "ok", "refused"]
    assert [row["note"] for row in rows] == [f"no. {n}, x" for n in range(5)]
    listed = {row[1] for row in lists.captures()}
    assert {rows[0]["id"], rows[3]["id"]} == listed
    assert len(listed) == 2
    assert len(rows[0]["sha256"]) == len(rows[0]["statement_sha256"]) == 64
    assert len(rows[1]["statement_sha256"]) == 64
    assert "URL_MALFORMED" in rows[2]["error"]
    assert "ADDRESS_REFUSED" in rows[4]["error"]
    assert not results.with_name(f"{results.name}.part").exists()
    # Done is done: the same command again does nothing, another name captures anew.
    code, _, err = lists.run("--list", str(source), "--results", str(results))
    assert code == 1
    assert "nothing was done" in err
    assert len(lists.captures()) == 2
    code, _, _ = lists.run("--list", str(source), "--results", str(lists.folder / "new.csv"))
    assert len(lists.captures()) == 4


def test_a_list_from_standard_input_with_json_lines_out(lists: Lists, site: Origin) -> None:
    data = "".join(json.dumps({"url": site.url(f"/{n}")}) + "\n" for n in range(5)).encode()
    code, out, err = lists.run("--list", "-", "--json", stdin=data)
    assert code == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["url"] for row in rows] == [site.url(f"/{n}") for n in range(5)]
    assert len({row["id"] for row in rows}) == 5


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--list", "nowhere.csv"), 3),
        (("--list", "LIST", "http://a.example/"), 64),
        (("--results", "x.csv"), 64),
        ((), 64),
        (("--list", "LIST", "--results", "x.txt"), 3),
        (("--list", "LIST", "--results", "no/such/folder/x.csv"), 3),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    lists: Lists, arguments: tuple[str, ...], code: int
) -> None:
    source = written(lists.folder, "list.csv", "http://10.0.0.1/\n")
    given = [str(source) if word == "LIST" else word for word in arguments]
    found, out, err = lists.run(*given)
    assert (found, out) == (code, ""), err
    assert "Traceback" not in err
    assert not list(lists.folder.glob("*.part"))


def test_the_results_of_another_list_are_not_overwritten(lists: Lists, site: Origin) -> None:
    results = written(lists.folder, "results.csv", "url,id\nhttp://elsewhere.example/,X\n")
    source = written(lists.folder, "list.csv", site.url("/1"))
    code, _, err = lists.run("--list", str(source), "--results", str(results))
    assert code == 3
    assert "choose another" in err
    assert "elsewhere" in results.read_text()
    assert site.requests == []


def list_of(lists: Lists, site: Origin) -> Path:
    urls = "".join(f"{site.url(f'/{number}')}\n" for number in range(COUNT))
    return written(lists.folder, "list.csv", urls)


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_broken_off_goes_on_where_it_was(
    lists: Lists, site: Origin, signal_number: signal.Signals
) -> None:
    source, results = list_of(lists, site), lists.folder / "results.jsonl"
    arguments = ("--list", str(source), "--results", str(results))
    process = lists.start(*arguments)
    end = time.monotonic() + 20
    while len(site.requests) < 20:
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal_number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode in {-signal.SIGKILL, 130}, errors
    assert not results.exists()
    before = len(lists.captures())
    assert before < COUNT
    code, _, err = lists.run(*arguments)
    assert code == 0, err
    assert "going on" in err
    rows = rows_of(results)
    assert [row["url"] for row in rows] == [site.url(f"/{number}") for number in range(COUNT)]
    ids = sorted(row["id"] for row in rows)
    assert ids == sorted(str(row[1]) for row in lists.captures())
    assert len(set(ids)) == COUNT
    assert len(site.requests) <= COUNT + 32


def test_two_processes_do_not_work_on_one_list(lists: Lists, site: Origin) -> None:
    source = list_of(lists, site)
    is_over = threading.Event()
    last = response(page("This page is long in coming."))
    site.answer(f"/{COUNT - 1}", lambda _request: last if is_over.wait(30) else b"")
    first = lists.start("--list", str(source), "--json")
    end = time.monotonic() + 20
    while not site.requests:
        assert time.monotonic() < end
        time.sleep(0.01)
    code, out, err = lists.run("--list", str(source), "--json")
    is_over.set()
    assert (code, out) == (4, "")
    assert "REQUEST_UNDER_WAY" in err
    first.communicate(timeout=30)
    assert first.returncode == 0
    assert len(lists.captures()) == COUNT


def test_two_processes_do_not_write_one_results_file(lists: Lists, site: Origin) -> None:
    source, results = list_of(lists, site), lists.folder / "results.csv"
    other = written(lists.folder, "other.csv", f"{site.url('/1')}\n")
    is_over = threading.Event()
    last = response(page("This page is long in coming."))
    site.answer(f"/{COUNT - 1}", lambda _request: last if is_over.wait(30) else b"")
    first = lists.start("--list", str(source), "--results", str(results))
    end = time.monotonic() + 20
    while not site.requests:
        assert time.monotonic() < end
        time.sleep(0.01)
    asked = len(site.requests_for("/1"))
    for given in (source, other):
        code, out, err = lists.run("--list", str(given), "--results", str(results))
        assert (code, out) == (4, "")
        assert "REQUEST_UNDER_WAY" in err
    assert len(site.requests_for("/1")) <= max(asked, 1)
    is_over.set()
    _, errors = first.communicate(timeout=30)
    assert first.returncode == 0, errors
    assert [row["url"] for row in rows_of(results)] == [
        site.url(f"/{number}") for number in range(COUNT)
    ]
    assert not results.with_name("results.csv.part").exists()
    code, _, err = lists.run(
        "--list", str(other), "--results", str(lists.folder / "other-results.csv")
    )
    assert code == 0, err


@pytest.mark.parametrize("text", ["[1]\n", '"x"\n', '{"url":\n', "[" * 100_000, "\xff"])
def test_a_file_that_is_no_results_file_is_said_to_be_none(
    lists: Lists, site: Origin, text: str
) -> None:
    results = written(lists.folder, "results.jsonl", text.encode("latin-1"))
    source = written(lists.folder, "list.csv", site.url("/1"))
    code, out, err = lists.run("--list", str(source), "--results", str(results))
    assert (code, out) == (3, ""), err
    assert len(err.splitlines()) == 1
    assert site.requests == []
