# SPDX-License-Identifier: Apache-2.0
"""Keys are listed and ended, and records opened to keys, by the API: by whom, and told where."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from support.archives import audited, minted, new_archive, page, rebuilt, settings_at, tables
from support.origin import Origin
from werkzeug.test import TestResponse

import api.v1.keys
from api.app import create_app
from api.state import door_of
from archive.ids import RecordId
from archive.services.access.keys import grant, list_api_keys, make_api_key, revoke_api_key
from archive.services.acts.restrict import Wanted, restrict
from archive.services.context import Archive
from archive.services.custody import custody_of

pytestmark = pytest.mark.both_databases(later=True)

Headers = dict[str, str]


@dataclass(frozen=True)
class Site:
    client: FlaskClient
    archive: Archive
    record: RecordId

    def key(self, *scopes: str) -> tuple[str, Headers]:
        token = make_api_key(self.archive, scopes, "a test")
        return token.split("_")[1], {"Authorization": f"Bearer {token}"}

    def put(self, key_id: str, headers: Headers, **more: str) -> TestResponse:
        return self.client.put(self.place(key_id), headers={**headers, **more})

    def place(self, key_id: str = "") -> str:
        return f"/api/v1/records/{self.record}/grants{key_id and f'/{key_id}'}"

    def events(self) -> list[tuple[str, str, str]]:
        assert door_of(self.client.application).aside.settle()
        events = custody_of(self.archive, self.record).events
        return [(item.event, item.actor, item.detail) for item in events[2:]]


@pytest.fixture
def site(
    tmp_path_factory: pytest.TempPathFactory, origin: Origin, database_setting: dict[str, str]
) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("archive") / "data"
    archive = new_archive(settings_at(data, **database_setting))
    origin.page("/sealed", page("This one is under seal."))
    record = minted(archive, origin.url("/sealed"))
    restrict(archive, record, Wanted(None, "hidden", "a sealed case"), "operator")
    app = create_app(archive)
    yield Site(app.test_client(), archive, record)
    assert door_of(app).aside.settle()
    archive.close()


def code_of(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def test_a_record_is_opened_to_a_key_and_closed_again(site: Site) -> None:
    curator, curates = site.key("curate")
    reader, reads = site.key("read")
    shown = f"/{site.record}?format=json"
    assert site.client.get(shown, headers=reads).status_code == 403
    put = site.put(reader, curates)
    assert put.status_code == 200
    given = put.get_json()
    assert (given["key_id"], given["record_id"]) == (reader, str(site.record))
    assert site.client.get(shown, headers=reads).status_code == 200
    assert site.put(reader, curates).get_json() == given
    listed = site.client.get(site.place(), headers=curates).get_json()
    assert listed == {"id": str(site.record), "grants": [given]}
    ended = site.client.delete(site.place(reader), headers=curates)
    assert ended.get_json()["grants"] == []
    assert site.client.get(shown, headers=reads).status_code == 403
    assert code_of(site.client.delete(site.place(reader), headers=curates)) == (404, "NOT_FOUND")
    told = [item for item in site.events() if item[0] != "access"]
    assert told == [
        ("grant", f"key:{curator}", f"API key {reader}"),
        ("grant-end", f"key:{curator}", f"API key {reader}"),
    ]


def test_grants_are_evidence_that_a_rebuild_remakes(site: Site) -> None:
    _, curates = site.key("curate")
    reader, _ = site.key("read")
    site.put(reader, curates)
    assert [item[0] for item in site.events()] == ["grant"]
    before = tables(site.archive)
    rebuilt(site.archive)
    assert tables(site.archive) == before
    assert audited(site.archive).damages == []


def test_who_was_let_in_is_told_to_those_alone_who_may_know(site: Site) -> None:
    restrict(site.archive, site.record, Wanted(None, "public", "told"), "operator")
    _, curates = site.key("curate")
    reader, _ = site.key("read")
    site.put(reader, curates)
    site.events()
    for path in (f"/api/v1/records/{site.record}/custody", f"/{site.record}"):
        assert reader not in site.client.get(path).text
    told = site.client.get(f"/api/v1/records/{site.record}/custody", headers=curates)
    assert reader in told.text
    assert told.headers["Cache-Control"] == "private, no-store"


def test_every_record_at_once_is_told_as_such(site: Site) -> None:
    _, curates = site.key("curate")
    reader, _ = site.key("read")
    assert grant(site.archive, reader, None)
    [given] = site.client.get(site.place(), headers=curates).get_json()["grants"]
    assert (given["key_id"], given["record_id"]) == (reader, "*")


def test_no_key_is_opened_a_record_that_it_could_not_read(site: Site) -> None:
    _, curates = site.key("curate")
    writer, _ = site.key("capture", "curate", "admin")
    ended, _ = site.key("read")
    revoke_api_key(site.archive, ended)
    for key_id in (writer, ended):
        assert code_of(site.put(key_id, curates)) == (422, "INPUT_INVALID")
    for unknown in ("00ff", "nonsense", "%00", "x" * 300):
        assert code_of(site.put(unknown, curates)) == (404, "NOT_FOUND")
        assert site.client.delete(site.place(unknown), headers=curates).status_code == 404
    assert site.events() == []


@pytest.mark.parametrize("scopes", [("read", "capture", "admin"), ()])
def test_grants_need_the_scope_curate(site: Site, scopes: tuple[str, ...]) -> None:
    reader, _ = site.key("read")
    headers = site.key(*scopes)[1] if scopes else {}
    for answer in (
        site.client.get(site.place(), headers=headers),
        site.put(reader, headers),
        site.client.delete(site.place(reader), headers=headers),
    ):
        assert answer.status_code == (403 if scopes else 401)
    assert site.events() == []


def test_a_grant_that_is_asked_for_twice_is_given_once(site: Site) -> None:
    _, curates = site.key("curate")
    reader, _ = site.key("read")
    once = {"Idempotency-Key": "once"}
    first = site.put(reader, curates, **once)
    site.client.delete(site.place(reader), headers=curates)
    again = site.put(reader, curates, **once)
    assert (again.status_code, again.data) == (200, first.data)
    assert site.client.get(site.place(), headers=curates).get_json()["grants"] == []
    other, _ = site.key("read")
    assert code_of(site.put(other, curates, **once)) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_keys_are_listed_in_pages_without_secrets(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.v1.keys, "_PAGE", 2)
    tokens = [make_api_key(site.archive, ("read",), f"number {n}") for n in range(4)]
    _, admin = site.key("admin")
    seen: list[dict[str, Any]] = []
    after = ""
    while True:
        answer = site.client.get(f"/api/v1/keys{after}", headers=admin)
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert [token for token in tokens if token.split("_", 2)[2] in answer.text] == []
        seen += answer.get_json()["keys"]
        if answer.get_json()["next"] is None:
            break
        after = f"?after={answer.get_json()['next']}"
    assert [key["key_id"] for key in seen] == [key.key_id for key in list_api_keys(site.archive)]
    assert {key["state"] for key in seen} == {"good"}
    assert code_of(site.client.get("/api/v1/keys?after=x", headers=admin))[0] == 422


def test_a_key_is_ended_at_once_and_for_good(site: Site) -> None:
    reader, reads = site.key("read")
    grant(site.archive, reader, None)
    _, admin = site.key("admin")
    assert site.client.get(f"/{site.record}?format=json", headers=reads).status_code == 200
    ended = site.client.delete(f"/api/v1/keys/{reader}", headers=admin)
    assert (ended.status_code, ended.get_json()["state"]) == (200, "revoked")
    refused = site.client.get(f"/{site.record}?format=json", headers=reads)
    assert code_of(refused) == (401, "API_KEY_REVOKED")
    again = site.client.delete(f"/api/v1/keys/{reader}", headers=admin)
    assert again.get_json() == {
        **ended.get_json(),
        "last_used_at": again.get_json()["last_used_at"],
    }
    for unknown in ("00ff", "%00", "x" * 300):
        answer = site.client.delete(f"/api/v1/keys/{unknown}", headers=admin)
        assert code_of(answer) == (404, "NOT_FOUND")
    _, others = site.key("read", "capture", "curate")
    assert site.client.delete(f"/api/v1/keys/{reader}", headers=others).status_code == 403
    assert site.client.get("/api/v1/keys", headers=others).status_code == 403


def test_a_key_that_is_over_is_listed_as_such(site: Site) -> None:
    soon = site.archive.clock.now() + dt.timedelta(milliseconds=300)
    make_api_key(site.archive, ("read",), "short", soon)
    _, admin = site.key("admin")
    states: set[str] = set()
    while "expired" not in states:
        listed = site.client.get("/api/v1/keys", headers=admin).get_json()["keys"]
        states = {key["state"] for key in listed}
    assert states == {"good", "expired"}
