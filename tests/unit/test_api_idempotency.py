# SPDX-License-Identifier: Apache-2.0
"""`Idempotency-Key` over HTTP: one deed for one key, whatever happens in between."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from support.archives import new_archive, page, settings_at
from support.origin import Origin, Wait, response
from support.working import working
from werkzeug.test import TestResponse

import api.v1.captures
from api.app import create_app
from archive.errors import StorageUnavailable
from archive.services.access.keys import make_api_key
from archive.services.context import Archive
from archive.services.jobs.requests import ask_for_capture

pytestmark = pytest.mark.both_databases(later=True)


@dataclass(frozen=True)
class Site:
    """What all tests share, and an API key of this one's: what others sent is none of its business.

    `before` is how many rows there were when the test began.
    """

    client: FlaskClient
    archive: Archive
    origin: Origin
    key: dict[str, str]
    before: dict[str, int]

    def post(self, path: str = "/terms", key: str | None = "k-1", **more: str) -> TestResponse:
        headers = {**self.key, **more}
        if key is not None:
            headers["Idempotency-Key"] = key
        body = {"url": self.origin.url(path)}
        return self.client.post("/api/v1/captures?wait=30", json=body, headers=headers)

    def count(self, table: str = "capture") -> int:
        return count(self.archive, table) - self.before[table]


def count(archive: Archive, table: str) -> int:
    with archive.database.reading() as connection:
        return int(connection.execute(sa.text(f"select count(*) from {table}")).scalar() or 0)


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, module_database_setting: dict[str, str]
) -> Iterator[tuple[FlaskClient, Origin, Archive]]:
    """One archive, and one worker on it: to start and to end one takes seconds."""
    settings = settings_at(tmp_path_factory.mktemp("archive") / "data", **module_database_setting)
    archive = new_archive(settings)
    client = create_app(archive, settings=settings).test_client()
    with Origin() as origin, working(settings, archive):
        origin.page("/terms", page())
        origin.page("/other", page("Other words."))
        yield client, origin, archive
    archive.close()


@pytest.fixture
def site(shared: tuple[FlaskClient, Origin, Archive]) -> Site:
    client, origin, archive = shared
    token = make_api_key(archive, ("capture", "curate"), "a test")
    before = {name: count(archive, name) for name in ("capture", "observation", "ops_idempotency")}
    return Site(client, archive, origin, {"Authorization": f"Bearer {token}"}, before)


def test_the_same_request_gives_the_same_answer_and_is_done_once(site: Site) -> None:
    first = site.post()
    assert first.status_code == 201
    for key in ("k-1", '"k-1"'):
        again = site.post(key=key)
        assert (again.status_code, again.data) == (201, first.data)
        for name in ("Location", "Repr-Digest", "Content-Type", "Cache-Control"):
            assert again.headers[name] == first.headers[name]
    assert site.count() == 1
    assert site.post(key="k-2").data != first.data
    assert site.post(key=None).status_code == 201
    assert site.count() == 3


def test_an_observation_is_an_answer_too(site: Site) -> None:
    first = site.post("/missing")
    assert first.status_code == 200
    assert site.post("/missing").data == first.data
    assert site.count("observation") == 1


def test_another_request_under_the_key_is_422(site: Site) -> None:
    site.post()
    answer = site.post("/other")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert site.count() == 1


def test_keys_of_two_clients_are_two(site: Site) -> None:
    other = make_api_key(site.archive, ("capture",), "another")
    first = site.post()
    second = site.post(Authorization=f"Bearer {other}")
    assert (second.status_code, second.data == first.data) == (201, False)


@pytest.mark.parametrize("key", ["", " ", '""', "two words", "x" * 256, "é"])
def test_a_key_of_another_shape_is_400(site: Site, key: str) -> None:
    answer = site.post(key=key)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "IDEMPOTENCY_KEY_MALFORMED")
    assert site.count() == 0


def test_a_request_that_is_refused_may_be_mended(site: Site) -> None:
    headers = {**site.key, "Idempotency-Key": "k-1"}
    bad = site.client.post("/api/v1/captures?wait=30", json={"url": "ftp://x"}, headers=headers)
    assert bad.status_code == 422
    assert site.post().status_code == 201


def test_while_the_first_is_under_way_it_is_409(site: Site) -> None:
    site.origin.add("/slow", Wait(1.5), response(page("It comes late.")))
    answers: list[TestResponse] = []
    thread = threading.Thread(target=lambda: answers.append(site.post("/slow")))
    thread.start()
    while not site.count("ops_idempotency"):
        pass
    early = site.post("/slow")
    assert (early.status_code, early.get_json()["code"]) == (409, "IDEMPOTENCY_IN_PROGRESS")
    thread.join()
    assert site.post("/slow").data == answers[0].data


class Died(BaseException):
    """Stands for the death of the process: no handler of ours sees it."""


def die(*_: Any, **__: Any) -> None:
    raise Died


def kill_owner(site: Site) -> None:
    with site.archive.database.writing() as connection:
        connection.execute(
            sa.text("update ops_idempotency set owner = 'nobody 0 0', status = null")
        )


def test_after_a_crash_what_was_captured_is_the_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(api.v1.captures, "_recorded", die)
        with pytest.raises(Died):
            site.post()
    kill_owner(site)
    assert site.count() == 1
    again = site.post()
    assert again.status_code == 201
    assert site.post().data == again.data
    assert site.count() == 1


def test_after_a_crash_before_the_look_it_is_looked_at_now(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(api.v1.captures, "ask_for_capture", die)
        with pytest.raises(Died):
            site.post()
    kill_owner(site)
    assert site.count() == 0
    assert site.post().status_code == 201
    assert site.count() == 1


def test_after_a_failure_inside_nothing_is_captured_twice(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked_and_failed(archive: Archive, url: str, key: str | None) -> None:
        ask_for_capture(archive, url, key)
        raise StorageUnavailable("the store went away at the end")

    with monkeypatch.context() as patched:
        patched.setattr(api.v1.captures, "ask_for_capture", asked_and_failed)
        assert site.post().status_code == 503
    assert site.post().status_code == 201
    assert site.count() == 1


def test_restrictions_take_keys_as_well(site: Site) -> None:
    record = site.post().get_json()["id"]
    headers = {**site.key, "Idempotency-Key": "r-1"}
    place = f"/api/v1/records/{record}/restriction"
    body = {"metadata": "public", "reason": "x"}
    first = site.client.put(place, json=body, headers=headers)
    lifted = site.client.delete(f"{place}?reason=x", headers={**headers, "Idempotency-Key": "r-2"})
    assert lifted.get_json()["is_restricted"] is False
    again = site.client.put(place, json=body, headers=headers)
    assert again.data == first.data
    assert site.client.get(place).get_json()["is_restricted"] is False
    other = site.client.put(place, json={**body, "reason": "y"}, headers=headers)
    assert other.status_code == 422
