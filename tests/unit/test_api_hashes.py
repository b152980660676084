# SPDX-License-Identifier: Apache-2.0
"""The hash desk over HTTP: a thousand questions in one call, and ranges of digests."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from support.archives import minted, new_archive, page, settings_at
from support.origin import Origin
from werkzeug.test import TestResponse

from api.app import create_app
from api.state import door_of
from archive.cli import cli
from archive.digests import sha256_hex
from archive.ids import RecordId
from archive.services.access.keys import grant, make_api_key
from archive.services.acts.restrict import Wanted, restrict
from archive.services.context import Archive
from archive.services.custody import custody_of, sign_waiting
from archive.settings import Settings

pytestmark = pytest.mark.both_databases(later=True)

BODY = page("We may share data.")
DIGEST = sha256_hex(BODY)


@dataclass(frozen=True)
class Site:
    archive: Archive
    settings: Settings
    record: RecordId
    client: FlaskClient

    def batch(self, items: object, **more: object) -> TestResponse:
        return self.client.post("/api/v1/verifications/batch", json={"items": items}, **more)


@pytest.fixture
def site(
    tmp_path_factory: pytest.TempPathFactory, origin: Origin, database_setting: dict[str, str]
) -> Iterator[Site]:
    settings = settings_at(tmp_path_factory.mktemp("archive") / "data", **database_setting)
    archive = new_archive(settings)
    origin.page("/terms", BODY)
    record = minted(archive, origin.url("/terms"))
    yield Site(archive, settings, record, create_app(archive, settings=settings).test_client())
    archive.close()


def lines(answer: TestResponse) -> list[dict[str, object]]:
    assert answer.mimetype == "application/jsonl"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_thousand_items_have_a_thousand_answers_in_order(site: Site) -> None:
    items: list[object] = [sha256_hex(str(number).encode()) for number in range(1000)]
    items[17], items[500], items[999] = DIGEST, {"not": "text"}, str(site.record)
    told = lines(site.batch(items))
    assert len(told) == 1000
    assert [number for number, line in enumerate(told) if line["verified"]] == [17, 999]
    assert told[500]["status"] == "malformed"
    assert all(line["input"] == items[at] for at, line in enumerate(told) if at != 500)


def test_a_batch_that_is_none_is_refused_as_a_whole(site: Site) -> None:
    for items in ([], "text", ["x"] * 1001, None):
        assert site.batch(items).status_code == 422
    bad_policy = site.client.post(
        "/api/v1/verifications/batch", json={"items": [DIGEST], "policy": "easy"}
    )
    assert bad_policy.status_code == 422
    assert site.batch(["x" * 2000] * 900).status_code == 413


def test_a_batch_shows_no_hidden_record_and_notes_to_whom_one_was_shown(site: Site) -> None:
    restrict(site.archive, site.record, Wanted(None, "hidden", "sealed"), "operator")
    items = [DIGEST, DIGEST[:16], str(site.record)]
    by_digest, by_prefix, by_id = lines(site.batch(items))
    assert (by_digest["status"], by_prefix["matches"]) == ("not_found", [])
    assert (by_id["status"], by_id["result"]) == ("restricted", "incomplete")
    token = make_api_key(site.archive, ("read",), "a test")
    key_id = token.split("_")[1]
    grant(site.archive, key_id, site.record)
    told = lines(site.batch(items, headers={"Authorization": f"Bearer {token}"}))
    assert [line["verified"] for line in told] == [True, False, True]
    assert door_of(site.client.application).aside.settle()
    sign_waiting(site.archive)
    events = [event.event for event in custody_of(site.archive, site.record).events]
    assert "access" in events


def test_a_range_may_be_kept_by_caches_and_is_the_same_with_any_key(site: Site) -> None:
    token = make_api_key(site.archive, ("read",), "a test")
    plain = site.client.get(f"/api/v1/hashes/{DIGEST[:5]}")
    keyed = site.client.get(
        f"/api/v1/hashes/{DIGEST[:5]}", headers={"Authorization": f"Bearer {token}"}
    )
    assert plain.get_json()["matches"] == [
        {"suffix": DIGEST[5:], "id": str(site.record), "part": "body"}
    ]
    for answer in (plain, keyed):
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert plain.data == keyed.data
    nothing = site.client.get("/api/v1/hashes/fffff")
    assert (nothing.status_code, nothing.get_json()["matches"]) == (200, [])
    for wrong in ("ffff", DIGEST, "ghijk"):
        assert site.client.get(f"/api/v1/hashes/{wrong}").status_code == 422


def test_an_upload_can_be_held_against_a_record(site: Site) -> None:
    cut = BODY[100:]
    for query, found in (("", 0), (f"?against={site.record}", 1)):
        answer = site.client.post(
            f"/api/v1/verifications{query}", data={"file": (io.BytesIO(cut), "x.html")}
        ).get_json()
        assert (answer["verified"], len(answer["near"])) == (False, found)
    assert (
        "no proof of falsehood"
        in site.client.post("/verify", data={"file": (io.BytesIO(b"nothing"), "x")}).text
    )
    unknown = site.client.post(
        "/api/v1/verifications?against=CA-C-0000099-36", data={"file": (io.BytesIO(b"x"), "x")}
    )
    assert unknown.status_code == 404


def test_a_list_on_the_command_line_is_answered_line_by_line(site: Site) -> None:
    asked = f"{DIGEST}\n\n{site.record}\n\xff\xfe rubbish\n{DIGEST[:12]}\n"
    runner = CliRunner(env={"MUNIMENT_DATABASE_URL": site.settings.database.url})
    told = runner.invoke(
        cli, ["--data", str(site.settings.data), "verify", "--json", "--list", "-"],
        input=asked.encode("latin-1"),
    )  # fmt: skip
    answers = [json.loads(line) for line in told.output.splitlines()]
    assert [line["status"] for line in answers] == ["found", "found", "malformed", "candidates"]
    assert told.exit_code == 3
    plain = runner.invoke(
        cli, ["--data", str(site.settings.data), "verify", "--list", "-"], input=f"{DIGEST}\n"
    )
    assert (plain.exit_code, str(site.record) in plain.output) == (0, True)
    neither = runner.invoke(cli, ["--data", str(site.settings.data), "verify"])
    assert neither.exit_code == 2
