# SPDX-License-Identifier: Apache-2.0
"""`muniment import`: JSON shapes, honest exit codes, folders, page lists, interrupts."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.archives import new_archive, page, settings_at, tables
from support.origin import Origin
from support.packages import Package, anonymous
from support.remote import MementoArchive, WarcServer, too_many
from support.warcs import PAGE, arc, arc_record, http, packed, response, sha1, site, write

from archive import cli
from archive.bootstrap import open_archive
from archive.digests import sha256_hex
from archive.settings import Settings

URL = "https://site.example/page/2"
FIRST = "CA-C-0000001-39"


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """The JSON value of each line."""
        return [json.loads(line) for line in self.out.splitlines()]


Muniment = Callable[..., Ran]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = settings_at(tmp_path / "data")
    new_archive(made).close()
    return made


@pytest.fixture
def muniment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Muniment:
    """Runs a command on the archive in the test's data folder."""
    monkeypatch.setenv("MUNIMENT_DATA", str(settings.data))

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["muniment", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfd.readouterr()
        return Ran(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return write(tmp_path / "given.warc.gz", packed(*site(4)))


def test_the_json_of_a_file_and_of_the_same_file_again(muniment: Muniment, given: Path) -> None:
    done = muniment("import", "--json", "--supplied-by", "A. Paralegal", str(given))
    (line,) = done.lines
    assert done.code == 0
    assert line == {
        "file": str(given),
        "sha256": sha256_hex(given.read_bytes()),
        "form": "warc.gz",
        "container_sha256": sha256_hex(given.read_bytes()),
        "records": 4,
        "indexed": 4,
        "minted": [],
        "cited_before": [],
        "not_minted": [],
        "flaws": [],
        "findings": [],
        "already": False,
        "complete": True,
    }
    again = muniment("import", "--json", str(given))
    assert (again.code, again.lines[0]["already"]) == (0, True)
    assert "already in, nothing changed" in muniment("import", str(given)).out


def test_citing_a_url_gives_an_id_that_shows_and_verifies(muniment: Muniment, given: Path) -> None:
    muniment("import", str(given))
    done = muniment("import", "--json", "--cite", URL, str(given))
    (minted,) = done.lines[0]["minted"]
    assert (done.code, minted["id"], minted["mode"]) == (0, FIRST, "import")
    assert muniment("verify", FIRST).code == 0
    shown = muniment("show", FIRST)
    assert "given by" in shown.out
    cited = muniment("cite", FIRST).out
    assert "imported; dated 2020-02-03T04:05:06Z by the file that was given" in cited
    assert "captured" not in cited
    again = muniment("import", "--json", "--cite", URL, str(given))
    assert (again.code, again.lines[0]["cited_before"], again.lines[0]["minted"]) == (
        0,
        [FIRST],
        [],
    )


def test_bytes_without_an_id_are_found_and_not_called_verified(
    muniment: Muniment, given: Path, tmp_path: Path
) -> None:
    muniment("import", str(given))
    body = write(tmp_path / "page.html", PAGE.replace(b"Terms</h1>", b"Terms 2</h1>"))
    found = muniment("verify", str(body))
    assert found.code == 2
    assert "no record ID yet" in found.out
    assert URL in found.out


def test_a_url_of_which_nothing_is_there_exits_1(muniment: Muniment, given: Path) -> None:
    missing = "https://site.example/none"
    done = muniment("import", "--cite", URL, "--cite", missing, str(given))
    assert done.code == 1
    assert f"no record of {missing}" in done.err
    assert URL not in done.err


@pytest.mark.parametrize(
    "text",
    [
        f"# mine\n{URL}\n\nhttps://site.example/page/3#part\n",
        (
            '{"format": "json-pages-1.0", "id": "pages", "title": "All Pages"}\n'
            f'{{"id": "1", "url": "{URL}", "ts": "2020-02-03T04:05:06Z", "score": 0.5}}\n'
            '{"id": "2", "url": "https://site.example/page/3"}\n'
        ),
        (
            f'{{"url": "{URL}", "text": "a line\u2028and\x85another"}}\r\n'
            '{"url": "https://site.example/page/3"}'
        ),
    ],
)
def test_a_page_list_names_what_is_cited(
    muniment: Muniment, given: Path, tmp_path: Path, text: str
) -> None:
    pages = write(tmp_path / "pages", text.encode())
    done = muniment("import", "--json", "--pages", str(pages), str(given))
    assert done.code == 0
    assert [item["url"] for item in done.lines[0]["minted"]] == [URL, "https://site.example/page/3"]


@pytest.mark.parametrize("text", ["not a url", '{"id": "1"}', '{"url": ', "\x00"])
def test_a_bad_page_list_is_refused_by_line_and_nothing_is_done(
    muniment: Muniment, given: Path, tmp_path: Path, text: str, settings: Settings
) -> None:
    pages = write(tmp_path / "pages", f"{URL}\n{text}\n".encode())
    done = muniment("import", "--pages", str(pages), str(given))
    assert (done.code, done.out) == (3, "")
    assert "line 2" in done.err
    archive = open_archive(settings)
    assert tables(archive)["import_group"] == []
    archive.close()


def test_a_folder_gives_its_archives_and_a_bad_file_stops_no_other(
    muniment: Muniment, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    write(folder / "a" / "one.warc.gz", packed(*site(2)))
    write(folder / "b.warc", b"nothing of the kind")
    write(folder / "c.ARC", arc(arc_record(URL, http(PAGE))))
    write(folder / "notes.txt", b"left alone")
    done = muniment("import", "--json", "--cite-all-pages", str(folder))
    assert done.code == 3
    files = {Path(line["file"]).name: line for line in done.lines}
    assert set(files) == {"one.warc.gz", "b.warc", "c.ARC"}
    assert files["b.warc"]["code"] == "INPUT_INVALID"
    assert [len(files[name]["minted"]) for name in ("one.warc.gz", "c.ARC")] == [2, 1]
    (folder / "b.warc").unlink()
    assert muniment("import", str(folder)).code == 0
    empty = tmp_path / "empty"
    empty.mkdir()
    assert muniment("import", str(empty)).code == 3


def test_exit_codes_of_flaws(muniment: Muniment, tmp_path: Path) -> None:
    cut = write(tmp_path / "cut.warc.gz", packed(*site(3))[:-20])
    for _ in range(2):
        done = muniment("import", str(cut))
        assert done.code == 1
        assert "nothing behind it was read" in done.out
    assert muniment("import", "--strict", str(cut)).code == 1  # it is in already
    false = response(URL, fields=[("WARC-Block-Digest", sha1(b"x"))])
    other = write(tmp_path / "false.warc.gz", packed(false))
    strict = muniment("import", "--strict", str(other))
    assert (strict.code, strict.out) == (3, "")
    assert "nothing of the file was imported" in strict.err
    assert muniment("import", str(other)).code == 1
    # What was repaired is told, and loses nothing.
    blank = write(tmp_path / "blank.warc.gz", packed(response("https://a.example/a b")))
    repaired = muniment("import", str(blank))
    assert (repaired.code, "WARC_TARGET_URI" in repaired.out) == (0, True)


def test_usage(muniment: Muniment, given: Path) -> None:
    assert muniment("import").code == 64
    assert muniment("import", "no-such-file").code == 64
    assert muniment("import", "--cite", "ftp://a.example/", str(given)).code == 3
    assert muniment("import", "--supplied-by", "x" * 200, str(given)).code == 3


@pytest.mark.slow
def test_an_interrupt_ends_at_a_border_and_the_next_run_goes_on(
    settings: Settings, muniment: Muniment, tmp_path: Path
) -> None:
    body = os.urandom(60_000)
    records = [
        response(f"https://site.example/{n}", http(body + b"%d" % n), number=n)
        for n in range(1, 1_500)
    ]
    path = write(tmp_path / "large.warc", b"".join(records))
    command = [sys.executable, "-c", "from archive.cli import main; main()"]
    arguments = ["--data", str(settings.data), "import", "--json", str(path)]
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    archive = open_archive(settings)
    while not tables(archive)["import_group"] and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    line = json.loads(out)
    groups = tables(archive)["import_group"]
    archive.close()
    assert process.returncode == 130
    assert not line["complete"]
    assert 0 < line["records"] < 1_499
    assert len(groups) >= 1
    done = muniment("import", "--json", str(path))
    assert (done.code, done.lines[0]["records"], done.lines[0]["indexed"]) == (0, 1_499, 1_499)


@pytest.fixture
def other(origin: Origin) -> MementoArchive:
    made = MementoArchive(origin, "https://site.example/terms")
    made.add("20190101000000", page("Old words."))
    made.add("20200203040506", page("New words."))
    return made


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUNIMENT_NETWORK_ALLOW", "127.0.0.0/8")
    monkeypatch.setenv("MUNIMENT_IMPORT_REQUESTS_PER_MINUTE", "60000")
    monkeypatch.setenv("MUNIMENT_IMPORT_PATIENCE_SECONDS", "1")


@pytest.mark.usefixtures("hasty")
def test_a_timemap_and_the_same_again(muniment: Muniment, other: MementoArchive) -> None:
    url = other.timemap()
    cite = ("--cite", other.original)
    done = muniment("import", "--json", "--timemap", url, *cite)
    (line,) = done.lines
    assert (done.code, line["asked"], line["listed"], line["taken"]) == (0, url, 2, 2)
    assert (line["complete"], line["findings"]) == (True, [])
    assert [item["mode"] for item in line["minted"]] == ["import", "import"]
    shown = muniment("show", line["minted"][0]["id"])
    assert "given by 127.0.0.1" in shown.out
    again = muniment("import", "--timemap", url, "--from", "2020", *cite)
    assert again.code == 0
    assert f"{url}: 1 listed, 1 in before, 0 taken in, 0 not" in again.out


@pytest.mark.usefixtures("hasty")
def test_what_another_archive_does_not_give_is_told(
    muniment: Muniment, other: MementoArchive, origin: Origin
) -> None:
    other.stamps.append("20210101000000")
    done = muniment("import", "--timemap", other.timemap())
    assert done.code == 1
    assert "MEMENTO_MISSING" in done.out
    assert "3 listed, 0 in before, 2 taken in, 1 not" in done.out
    other.add("20220101000000", page("Late words."))
    other.instead("20220101000000", too_many(600))
    later = muniment("import", "--timemap", other.timemap())
    assert (later.code, later.out) == (4, "")
    assert "wants to be left alone until" in later.err
    origin.page("/html", "<html><title>Not found</title></html>")
    refused = muniment("import", "--timemap", origin.url("/html"))
    assert (refused.code, refused.err.count("\n")) == (4, 1)  # it is still to be left alone


@pytest.mark.usefixtures("hasty")
def test_an_index_of_remote_warcs(muniment: Muniment, origin: Origin, tmp_path: Path) -> None:
    data = packed(response(URL))
    server = WarcServer(origin)
    server.add("a.warc.gz", data)
    members = {"url": URL, "filename": "a.warc.gz", "offset": 0, "length": len(data)}
    index = write(tmp_path / "i.cdxj", f"x 20200203040506 {json.dumps(members)}\n".encode())
    arguments = ("import", "--json", "--cdx", str(index), "--warcs", server.base)
    done = muniment(*arguments, "--cite", "https://site.example/none")
    assert (done.code, done.lines[0]["taken"]) == (1, 1)
    assert "no record of https://site.example/none" in done.err
    assert (muniment(*arguments).code, len(server.ranges)) == (0, 1)
    private = muniment("import", "--cdx", str(index), "--warcs", "http://10.0.0.1/")
    assert private.code == 1
    assert "ADDRESS_REFUSED" in private.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--timemap", "https://a.example/", "--cdx", "x", "--warcs", "https://a.example/"), 64),
        (("--cdx", "x"), 64),
        (("--warcs", "https://a.example/"), 64),
        (("--before", "2020", "--cdx", "x", "--warcs", "https://a.example/"), 64),
        (("--strict", "--timemap", "https://a.example/"), 64),
        (("--timemap", "no url"), 3),
        (("--timemap", "https://a.example/", "--from", "03/04/2020"), 3),
        (("--timemap", "http://10.0.0.1/"), 3),
        (("--cdx", "/nowhere", "--warcs", "https://a.example/"), 3),
    ],
)
def test_usage_of_other_archives(muniment: Muniment, arguments: tuple[str, ...], code: int) -> None:
    assert muniment("import", *arguments).code == code


def test_verify_answers_what_a_package_claims_of_itself(muniment: Muniment, tmp_path: Path) -> None:
    path = Package().write(tmp_path / "given.wacz")
    before = muniment("verify", "--json", str(path))
    (line,) = before.lines
    assert before.code == 2  # nothing is disproven, and the archive has no such file
    assert (line["package"]["hash_ok"], line["package"]["signature"]) == (True, "absent")
    done = muniment("import", str(path))
    assert done.code == 0
    assert "holds      wacz.form [package]" in done.out
    said = muniment("verify", str(path)).out
    assert "wacz.signature [datapackage.json] WACZ_UNSIGNED" in said
    false = Package(undeclared={"archive/smuggled.warc": b"x"})
    other = muniment("verify", "--json", str(false.write(tmp_path / "false.wacz")))
    assert (other.code, other.lines[0]["result"]) == (1, "failed")
    assert other.lines[0]["package"]["claims"][0]["code"] == "FILE_UNLISTED"
    broken = write(tmp_path / "broken.wacz", path.read_bytes() + b"x")
    refused = muniment("verify", str(broken))
    assert (refused.code, "ZIP_MALFORMED" in refused.out) == (1, True)
    assert muniment("import", str(broken)).code == 3
    assert muniment("import", str(tmp_path / "false.wacz")).code == 1


def test_a_signer_is_trusted_by_a_setting(
    muniment: Muniment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Package()
    signed = anonymous(made, ec.generate_private_key(ec.SECP256R1()), is_raw=True)
    made.sign(signed)
    path = made.write(tmp_path / "given.wacz")
    keyid = sha256_hex(base64.b64decode(signed["publicKey"]))
    alone = muniment("verify", "--json", str(path)).lines[0]["package"]
    assert (alone["signature"], alone["signer"]) == ("untrusted", f"key:{keyid}")
    monkeypatch.setenv("MUNIMENT_IMPORT_WACZ_KEYS", keyid)
    assert muniment("verify", "--json", str(path)).lines[0]["package"]["signature"] == "valid"
    monkeypatch.setenv("MUNIMENT_IMPORT_WACZ_KEYS", "no-digest")
    bad = muniment("verify", str(path))
    assert (bad.code, "import.wacz_keys" in bad.err) == (4, True)


def test_a_file_cannot_write_on_the_terminal_by_its_name(
    muniment: Muniment, tmp_path: Path
) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    good, bad = "a\nb: imported\x1b[2J\u202e.warc", "c\nmuniment: d\u2028.warc"
    write(folder / good, b"".join(site(1)))
    (folder / bad).write_bytes(b"no WARC")
    done = muniment("import", str(folder))
    assert "a\\nb: imported\\x1b[2J\\u202e.warc: imported: " in done.out
    assert "c\\nmuniment: d\\u2028.warc cannot be imported: " in done.err
    for printed in (done.out, done.err):
        assert not set(printed) & set("\x1b\u202e\u2028")
        assert all(line.startswith((" ", "/", "muniment: /")) for line in printed.splitlines())
