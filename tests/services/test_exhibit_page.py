# SPDX-License-Identifier: Apache-2.0
"""The page in an exhibit verifies it in a browser, and takes no forged one for sound."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks import remake
from support.chromium import Browser
from support.chromium import browser as browsing
from support.exhibits import files_of, packed, verified

from archive.exports.verifier import page_html
from archive.model.claim import Status

ROOT = (remake.FOLDER / "root.keyid").read_text().strip()
# What the page says that it does not look at, and what it judges in its own words.
UNSEEN = {"warc.records", "body.from_warc", "text.derives", "custody.chain", "log.witness"}
UNSEEN |= {"ts.rfc3161", "ts.renewal", "time.interval", "log.consistency", "key.valid_at_time"}
OWN_WORDS = {
    "zip-packed-again",
    "container-of-another-record",
    "warc-taken-away",
    "listed-other-log-policy",
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as opened:
        page = tmp_path_factory.mktemp("page") / "verify.html"
        page.write_bytes(page_html())
        opened.open(page.as_uri())
        yield opened


def answer(browser: Browser, path: Path, root: str) -> tuple[str, list[str]]:
    """The verdict on an exhibit, and each row of the table that is not `holds`."""
    browser.evaluate("document.getElementById('answer').hidden = true")
    browser.evaluate(f"document.getElementById('root').value = {root!r}")
    # A file that is chosen already is no change.
    browser.evaluate("document.getElementById('zip').value = ''")
    browser.choose_file("#zip", path)
    browser.wait_for("!document.getElementById('answer').hidden")
    rows = browser.evaluate(
        "Array.from(document.querySelectorAll('#claims tr'), row => row.innerText)"
    )
    verdict: str = browser.evaluate("document.getElementById('result').className")
    return verdict, [row for row in rows if not row.startswith("holds")]


def test_a_sound_exhibit_has_nothing_false(browser: Browser) -> None:
    verdict, rows = answer(browser, remake.FOLDER / "sound.zip", ROOT)
    assert verdict == "unknown"
    assert [row.partition("\t")[2].partition("\t")[0] for row in rows] == [
        "Schema, times of the key, WARC file, timestamps, witnesses, text, custody, log-policy.txt"
    ]


def test_without_a_root_from_elsewhere_it_says_so(browser: Browser) -> None:
    verdict, rows = answer(browser, remake.FOLDER / "sound.zip", "")
    assert verdict == "unknown"
    assert "give the root fingerprint that you got elsewhere" in rows[0]


def test_another_root_fails(browser: Browser) -> None:
    assert answer(browser, remake.FOLDER / "sound.zip", "0" * 64)[0] == "fail"


def test_every_attack_that_it_can_see_fails(browser: Browser) -> None:
    seen = 0
    for path in sorted(remake.FOLDER.glob("*.zip")):
        findings = verified(path, (ROOT,)).findings
        failed = {
            f.claim for f in findings if f.status is Status.FAIL and f.code != "STATEMENT_SCHEMA"
        }
        if (
            not failed
            or failed <= UNSEEN
            or path.stem in OWN_WORDS
            or path.stem.startswith("warc-")
        ):
            continue
        seen += 1
        verdict, rows = answer(browser, path, ROOT)
        assert verdict == "fail", (path.stem, rows)
    assert seen > 40


def changed(path: Path, **files: bytes | None) -> Path:
    """The sound exhibit with other files, which its manifests list."""
    folder, kept = files_of((remake.FOLDER / "sound.zip").read_bytes())
    kept.update({name: data for name, data in files.items() if data is not None})
    path.write_bytes(packed(folder, kept))
    return path


def test_it_takes_no_second_file_for_a_part(browser: Browser, tmp_path: Path) -> None:
    _, files = files_of((remake.FOLDER / "sound.zip").read_bytes())
    body = files["data/objects/body.html"]
    forged = {"data/objects/body.aaa": body, "data/objects/body.html": b"other words"}
    verdict, rows = answer(browser, changed(tmp_path / "it.zip", **forged), ROOT)
    assert verdict == "fail"
    assert "there twice" in rows[0]


@pytest.mark.parametrize("name", ["x/../../evil", "/etc/evil", "x\\evil", "data/objects/BODY.html"])
def test_it_takes_no_file_that_no_exhibit_has(browser: Browser, tmp_path: Path, name: str) -> None:
    verdict, rows = answer(browser, changed(tmp_path / "it.zip", **{name: b"more"}), ROOT)
    assert verdict == "fail"
    assert "no exhibit has" in rows[0]


def test_a_header_that_tells_another_reader_of_packed_bytes_fails(
    browser: Browser, tmp_path: Path
) -> None:
    data = bytearray((remake.FOLDER / "sound.zip").read_bytes())
    data[8:10] = b"\x08\x00"  # the first entry is deflated, its own header says
    (tmp_path / "it.zip").write_bytes(data)
    assert answer(browser, tmp_path / "it.zip", ROOT)[0] == "fail"
