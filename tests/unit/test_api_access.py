# SPDX-License-Identifier: Apache-2.0
"""Keys, scopes, and restricted records at every address that serves something of a record."""

import contextlib
import datetime as dt
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from support.archives import minted, page, settings_at
from support.origin import Origin
from werkzeug.test import TestResponse

from api.app import create_app
from api.state import door_of
from archive.bootstrap import Stand, init_archive
from archive.clock import FixedClock
from archive.errors import CatalogError
from archive.services.access.keys import (
    authenticate,
    grant,
    list_api_keys,
    make_api_key,
    revoke_api_key,
)
from archive.services.acts.restrict import Wanted, restrict, unrestrict
from archive.services.context import Archive
from archive.services.custody import custody_of

pytestmark = pytest.mark.both_databases(later=True)

NOW = dt.datetime.now(dt.UTC)
BODY = page("This one is under seal.", title="Sealed terms")
SHA256 = hashlib.sha256(BODY).hexdigest()
FIRST = "CA-C-0000001-39"
OPEN = "CA-C-0000002-36"


@dataclass(frozen=True)
class Site:
    app: Flask
    archive: Archive
    clock: FixedClock
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "client", self.app.test_client())

    def key(self, *scopes: str, expires: dt.datetime | None = None) -> tuple[str, dict[str, str]]:
        token = make_api_key(self.archive, scopes, "a test", expires)
        return token.split("_")[1], {"Authorization": f"Bearer {token}"}

    def reader(self) -> dict[str, str]:
        key_id, headers = self.key("read")
        grant(self.archive, key_id, None)
        return headers

    def get(self, path: str, headers: dict[str, str] | None = None) -> TestResponse:
        return self.client.get(path, headers=headers)

    def restrict(self, metadata: str, until: dt.datetime | None = None) -> None:
        wanted = Wanted(until, metadata, "until the case is filed")
        restrict(self.archive, minted_first(self.archive), wanted, "operator")


def minted_first(archive: Archive) -> Any:
    from archive.ids import parse_id

    return parse_id(FIRST)


@pytest.fixture
def site(
    tmp_path_factory: pytest.TempPathFactory, origin: Origin, database_setting: dict[str, str]
) -> Iterator[Site]:
    clock = FixedClock(NOW)
    settings = settings_at(tmp_path_factory.mktemp("archive") / "data", **database_setting)
    archive, _ = init_archive(settings, Stand(clock))
    clock.at = NOW + dt.timedelta(seconds=1)
    origin.page("/sealed", BODY)
    assert str(minted(archive, origin.url("/sealed"))) == FIRST
    origin.page("/open", page("This one is open."))
    assert str(minted(archive, origin.url("/open"))) == OPEN
    app = create_app(archive, settings=settings)
    yield Site(app, archive, clock)
    assert door_of(app).aside.settle()
    archive.close()


def code_of(answer: TestResponse) -> str:
    problem = answer.get_json()
    assert answer.mimetype == "application/problem+json"
    assert problem["status"] == answer.status_code
    return str(problem["code"])


CONTENT = [
    f"/{FIRST}?format=json",
    f"/{FIRST}/v1?format=json",
    f"/{FIRST}/parts/body",
    f"/{FIRST}/parts/text",
    f"/{FIRST}/parts/headers",
    f"/api/v1/records/{FIRST}",
]
PAGES = [f"/{FIRST}", f"/{FIRST}/v1"]
METADATA = [
    f"/{FIRST}/cite",
    f"/{FIRST}/verify?format=json",
    f"/{FIRST}/verify",
    f"/api/v1/records/{FIRST}/custody",
]


def assert_is_private(answer: TestResponse) -> None:
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Authorization" in answer.headers["Vary"]
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def secrets_of(site: Site) -> list[str]:
    with site.archive.database.reading() as connection:
        row = connection.execute(
            sa.text("select * from capture where id = :id"), {"id": FIRST}
        ).one()
    digests = [row.container_sha256, row.inventory_sha256, row.statement_sha256, SHA256]
    return [*digests, "Sealed terms", "/sealed", "under seal", "until the case is filed"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", CONTENT + PAGES)
def test_content_of_a_restricted_record_is_403(site: Site, path: str, method: str) -> None:
    for metadata in ("public", "hidden"):
        site.restrict(metadata)
        wanted = {"Accept": "*/*"} if path in PAGES else {"Accept": "application/json"}
        answer = site.client.open(path, method=method, headers={"If-None-Match": "*", **wanted})
        assert answer.status_code == 403
        assert_is_private(answer)
        assert "This one is under seal" not in answer.text
        if path in CONTENT and method == "GET":
            assert code_of(answer) == "RECORD_RESTRICTED"
            assert ("record" in answer.get_json()) == (metadata == "public")


@pytest.mark.parametrize("path", METADATA)
def test_metadata_is_told_or_hidden_as_the_policy_says(site: Site, path: str) -> None:
    site.restrict("public")
    told = site.get(path)
    assert told.status_code == 200
    assert_is_private(told)
    site.restrict("hidden")
    assert site.get(path).status_code == 403


@pytest.mark.parametrize("accept", ["application/json", "text/html", "text/plain"])
def test_nothing_of_a_hidden_record_is_told_anywhere(site: Site, accept: str) -> None:
    site.restrict("hidden")
    secrets = secrets_of(site)
    paths = CONTENT + PAGES + METADATA + [f"/api/v1/records/{FIRST}/restriction"]
    lower = FIRST.lower()
    paths += [f"/{lower}", f"/find?q={FIRST}", f"/verify?sha256={SHA256}", f"/find?q={SHA256}"]
    for path in paths:
        answer = site.client.get(path, headers={"Accept": accept}, follow_redirects=True)
        told = answer.text + repr(answer.headers)
        found = [secret for secret in secrets if secret in told]
        # What was asked for may stand in the answer.
        assert found == [secret for secret in found if secret in path], path


def test_a_hash_search_finds_a_hidden_record_for_those_alone_who_may_see_it(site: Site) -> None:
    site.restrict("hidden")

    def matches(headers: dict[str, str]) -> list[int]:
        asked = [{"sha256": SHA256}, {"sha256": SHA256[:16]}]
        found = [
            site.client.post("/api/v1/verifications", json=body, headers=headers).get_json()
            for body in asked
        ]
        upload = {"file": (io.BytesIO(BODY), "x.html")}
        by_file = site.client.post("/api/v1/verifications", data=upload, headers=headers)
        raw = site.client.post(
            "/api/v1/verifications",
            data=BODY,
            content_type="application/octet-stream",
            headers=headers,
        )
        return [len(item["matches"]) for item in (*found, by_file.get_json(), raw.get_json())]

    _, other = site.key("read")
    reader = site.reader()
    assert matches(reader) == [1, 1, 1, 1]
    assert matches({}) == [0, 0, 0, 0]
    assert matches(other) == [0, 0, 0, 0]
    by_id = site.client.post("/api/v1/verifications", json={"id": FIRST})
    assert (by_id.status_code, code_of(by_id)) == (403, "RECORD_RESTRICTED")
    granted = site.client.post("/api/v1/verifications", json={"id": FIRST}, headers=reader)
    assert granted.get_json()["result"] == "verified"


@pytest.mark.parametrize("path", CONTENT + PAGES + METADATA)
def test_a_granted_key_sees_it_and_nobody_may_keep_what_it_saw(site: Site, path: str) -> None:
    before = site.get(path)
    site.restrict("hidden")
    answer = site.get(path, site.reader())
    assert answer.status_code == 200
    assert_is_private(answer)
    if path in CONTENT:
        assert answer.data == before.data
        assert answer.headers["ETag"] == before.headers["ETag"]


def test_once_it_is_over_everybody_sees_it_again(site: Site) -> None:
    site.restrict("hidden", NOW + dt.timedelta(days=1))
    assert site.get(f"/{FIRST}?format=json").status_code == 403
    site.clock.at = NOW + dt.timedelta(days=1)
    over = site.get(f"/{FIRST}?format=json")
    assert (over.status_code, over.headers["Access-Control-Allow-Origin"]) == (200, "*")
    site.clock.at = NOW + dt.timedelta(seconds=2)
    unrestrict(site.archive, minted_first(site.archive), "filed", "operator")
    assert site.get(f"/{FIRST}?format=json").status_code == 200


def test_an_open_record_is_no_concern_of_keys(site: Site) -> None:
    site.restrict("hidden")
    for headers in ({}, {"Authorization": "Bearer mk_00_wrong"}):
        for path in (f"/{OPEN}", f"/{OPEN}?format=json", f"/{OPEN}/parts/text"):
            assert site.get(path, headers).status_code == 200


def test_keys_that_have_ended_or_are_none_are_told_apart_by_their_code(site: Site) -> None:
    site.restrict("public")
    revoked_id, revoked = site.key("read")
    revoke_api_key(site.archive, revoked_id)
    _, expired = site.key("read", expires=NOW + dt.timedelta(minutes=1))
    site.clock.at = NOW + dt.timedelta(minutes=1)
    wrong = {"Authorization": expired["Authorization"][:-1]}
    unknown = {"Authorization": "Bearer mk_00ff_AAAA"}
    for headers, code in (
        (revoked, "API_KEY_REVOKED"),
        (expired, "API_KEY_EXPIRED"),
        (wrong, "API_KEY_UNKNOWN"),
        (unknown, "API_KEY_UNKNOWN"),
    ):
        for answer in (
            site.get(f"/{FIRST}?format=json", headers),
            site.client.post("/api/v1/captures", json={"url": "x"}, headers=headers),
            site.client.put(f"/api/v1/records/{FIRST}/restriction", json={}, headers=headers),
        ):
            assert (answer.status_code, code_of(answer)) == (401, code)
            assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_no_scope_includes_another(site: Site) -> None:
    calls = {
        "capture": lambda h: site.client.post("/api/v1/captures", json={"url": "x"}, headers=h),
        "curate": lambda h: site.client.delete(
            f"/api/v1/records/{OPEN}/restriction?reason=x", headers=h
        ),
        "admin": lambda h: site.get("/metrics", h),
    }
    for needed, call in calls.items():
        _, others = site.key(*({"read", "capture", "curate", "admin"} - {needed}))
        answer = call(others)
        assert (answer.status_code, code_of(answer)) == (403, "SCOPE_MISSING")
        assert f'scope="{needed}"' in answer.headers["WWW-Authenticate"]
        _, right = site.key(needed)
        assert call(right).status_code in {200, 422}


def test_the_last_use_of_a_key_is_noted_aside(site: Site) -> None:
    key_id, headers = site.key("read")
    site.get("/verify", headers)
    site.client.post("/api/v1/verifications", json={"id": OPEN}, headers=headers)
    assert door_of(site.app).aside.settle()
    [used] = [key for key in list_api_keys(site.archive) if key.key_id == key_id]
    assert used.last_used_at is not None
    site.clock.at = NOW + dt.timedelta(seconds=30)
    site.client.post("/api/v1/verifications", json={"id": OPEN}, headers=headers)
    assert door_of(site.app).aside.settle()
    assert used in list_api_keys(site.archive)


def test_restrict_and_lift_by_the_api(site: Site) -> None:
    key_id, headers = site.key("curate")
    place = f"/api/v1/records/{FIRST}/restriction"
    assert site.get(place).get_json()["is_restricted"] is False
    body = {"until": "2999-01-01", "metadata": "hidden", "reason": "sealed"}
    put = site.client.put(place, json=body, headers=headers)
    assert put.status_code == 200
    state = put.get_json()
    assert (state["is_restricted"], state["until"]) == (True, "2999-01-01T00:00:00.000000Z")
    assert (state["metadata"], state["reason"]) == ("hidden", "sealed")
    assert site.client.put(place, json=body, headers=headers).get_json() == state
    seen = site.get(place).get_json()
    assert (seen["is_restricted"], seen["reason"]) == (True, None)
    assert site.get(place, site.reader()).get_json()["reason"] == "sealed"
    site.clock.at = NOW + dt.timedelta(seconds=2)
    lifted = site.client.delete(f"{place}?reason=over", headers=headers)
    assert lifted.get_json()["is_restricted"] is False
    events = custody_of(site.archive, minted_first(site.archive)).events
    assert [(item.event, item.actor) for item in events if item.event != "access"] == [
        ("capture", "archive"),
        ("restriction", f"key:{key_id}"),
        ("lifting", f"key:{key_id}"),
    ]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/metadata"),
        ({"metadata": "secret", "reason": "x"}, "#/metadata"),
        ({"metadata": "public", "reason": ""}, "#/reason"),
        ({"metadata": "public", "reason": "x", "until": "03/04/2027"}, "#/until"),
        ({"metadata": "public", "reason": "x", "untill": None}, "#/untill"),
    ],
)
def test_a_restriction_of_another_shape_is_422(
    site: Site, body: dict[str, object], pointer: str
) -> None:
    _, headers = site.key("curate")
    answer = site.client.put(f"/api/v1/records/{FIRST}/restriction", json=body, headers=headers)
    assert answer.status_code == 422
    assert pointer in {error["pointer"] for error in answer.get_json()["errors"]}


def test_writes_take_no_id_that_could_be_another(site: Site) -> None:
    _, headers = site.key("curate")
    body = {"metadata": "public", "reason": "x"}
    for text, status in (
        (FIRST.lower(), 200),
        ("CA-C-0000001", 404),
        ("CA-C-0000001-38", 404),
        ("CA-C-0000099-39", 404),
        ("nonsense", 404),
    ):
        answer = site.client.put(f"/api/v1/records/{text}/restriction", json=body, headers=headers)
        assert answer.status_code == status, text


def test_reading_is_told_in_the_custody_of_the_record(site: Site) -> None:
    site.restrict("public")
    reader = site.reader()
    token = reader["Authorization"].removeprefix("Bearer ")
    key_id = authenticate(site.archive, token).key_id
    site.clock.at = NOW + dt.timedelta(seconds=2)
    for _ in range(3):
        assert site.get(f"/{FIRST}/parts/body", reader).status_code == 200
    site.client.head(f"/{FIRST}", headers=reader)
    assert door_of(site.app).aside.settle()
    told = site.get(f"/api/v1/records/{FIRST}/custody", reader).get_json()
    assert [item["event"] for item in told["events"]] == ["capture", "restriction", "access"]
    assert told["events"][2]["actor"] == f"key:{key_id}"
    assert told["unsigned"] == 0
    public = site.get(f"/api/v1/records/{FIRST}/custody").get_json()
    assert [item["actor"] for item in public["events"]] == ["archive", "operator", "key"]
    shown = site.get(f"/{FIRST}", reader).text
    assert "Read while it was restricted" in shown
    assert "Restricted, by the operator: until the case is filed" in shown


def test_what_cannot_be_noted_is_not_shown(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.restrict("public")
    reader = site.reader()

    @contextlib.contextmanager
    def refuse() -> Iterator[None]:
        raise CatalogError("the catalogue is read-only")
        yield

    monkeypatch.setattr(site.archive.database, "appending", refuse)
    answer = site.get(f"/{FIRST}/parts/body", reader)
    assert answer.status_code == 500
    assert b"under seal" not in answer.data


def test_the_page_of_a_restricted_record(site: Site) -> None:
    site.restrict("public", NOW + dt.timedelta(days=400))
    shown = site.get(f"/{FIRST}")
    assert shown.status_code == 403
    assert "Sealed terms" in shown.text
    assert "until the case is filed" in shown.text
    assert SHA256 in shown.text
    assert '<section aria-labelledby="custody">' in shown.text
    site.restrict("hidden")
    assert "What it holds is not told" in site.get(f"/{FIRST}").text
