# SPDX-License-Identifier: Apache-2.0
"""Captures by the API are jobs: accepted, waited for, looked up, cancelled."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from support.archives import page, tables
from support.origin import Origin, Reply, response
from support.working import working
from werkzeug.test import TestResponse

from api.app import create_app
from archive.bootstrap import init_archive
from archive.ids import parse_id
from archive.jobs.base import Problem
from archive.jobs.durable import Run
from archive.model.restriction import HIDDEN
from archive.services.access.keys import grant
from archive.services.acts.restrict import Wanted, restrict
from archive.services.context import Archive
from archive.services.jobs.requests import Job, JobState, recent_jobs
from archive.services.keysets.initialise import make_api_key
from archive.settings import Settings, load_settings

pytestmark = pytest.mark.both_databases


@dataclass(frozen=True)
class Site:
    client: FlaskClient
    settings: Settings
    archive: Archive
    origin: Origin
    key: dict[str, str]

    def post(self, body: Any, query: str = "", **headers: str) -> TestResponse:
        return self.client.post(
            f"/api/v1/captures{query}", json=body, headers={**self.key, **headers}
        )

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.client.get(f"/api/v1/jobs/{job_id}", headers=self.key)
        assert answer.status_code == 200
        found: dict[str, Any] = answer.get_json()
        return found


@contextlib.contextmanager
def opened(folder: Path, database: dict[str, str]) -> Iterator[Site]:
    settings = load_settings(
        environment={
            "MUNIMENT_DATA": str(folder / "data"),
            "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
            **database,
            "MUNIMENT_POLITENESS_WAIT_SECONDS": "1",
            "MUNIMENT_POLITENESS_TRIES": "2",
        }
    )
    archive, made = init_archive(settings)
    with Origin() as origin:
        origin.page("/terms", page())
        key = {"Authorization": f"Bearer {made.api_key}"}
        yield Site(create_app(archive).test_client(), settings, archive, origin, key)
    archive.close()


@pytest.fixture(scope="module")
def idle(
    tmp_path_factory: pytest.TempPathFactory,
    new_database_setting: Callable[[], dict[str, str]],
) -> Iterator[Site]:
    """An archive with nobody who does the jobs."""
    with opened(tmp_path_factory.mktemp("idle"), new_database_setting()) as made:
        yield made


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    new_database_setting: Callable[[], dict[str, str]],
) -> Iterator[Site]:
    """Another one, with a worker: to start and to end one takes seconds."""
    with (
        opened(tmp_path_factory.mktemp("working"), new_database_setting()) as made,
        working(made.settings, made.archive),
    ):
        yield made


def finished(site: Site, job_id: str) -> dict[str, Any]:
    for _ in range(400):
        job = site.job(job_id)
        if job["state"] not in {"queued", "running", "waiting"}:
            return job
        threading.Event().wait(0.05)
    raise AssertionError(job)


def test_a_capture_is_accepted_and_its_job_looked_up_and_cancelled(idle: Site) -> None:
    answer = idle.post({"url": idle.origin.url("/terms")})
    assert answer.status_code == 202
    job = answer.get_json()
    assert answer.headers["Location"] == f"/api/v1/jobs/{job['id']}"
    assert answer.headers["Retry-After"] == "1"
    assert (job["kind"], job["state"], job["result"]) == ("capture", "queued", None)
    assert idle.job(job["id"]) == job
    waited = idle.post({"url": idle.origin.url("/terms")}, "?wait=1")
    assert waited.status_code == 202
    for found in (job, waited.get_json()):
        cancelled = idle.client.delete(f"/api/v1/jobs/{found['id']}", headers=idle.key)
        assert cancelled.status_code == 200
        assert cancelled.get_json()["state"] == "cancelled"
        assert "Retry-After" not in cancelled.headers
    assert idle.origin.requests == []


@pytest.mark.parametrize("method", ["get", "delete"])
def test_jobs_are_for_those_who_may_capture(idle: Site, method: str) -> None:
    job = idle.post({"url": idle.origin.url("/terms")}).get_json()
    ask = getattr(idle.client, method)
    assert ask(f"/api/v1/jobs/{job['id']}").status_code == 401
    token = make_api_key(idle.archive, ("read",), "a test")
    reader = {"Authorization": f"Bearer {token}"}
    assert ask(f"/api/v1/jobs/{job['id']}", headers=reader).status_code == 403
    for name in ("none", "0" * 36, "%00", "..%2f"):
        missing = ask(f"/api/v1/jobs/{name}", headers=idle.key)
        assert missing.status_code == 404
        assert missing.mimetype == "application/problem+json"
    idle.client.delete(f"/api/v1/jobs/{job['id']}", headers=idle.key)


@pytest.mark.parametrize("wait", ["x", "-1", "1.5", "", "9" * 20])
def test_a_wait_that_is_no_number_is_422_and_nothing_is_asked_for(idle: Site, wait: str) -> None:
    answer = idle.post({"url": idle.origin.url("/terms")}, f"?wait={wait}")
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "#/wait"


@pytest.mark.parametrize("prefer", ["wait=20", "respond-async, wait=20", 'foo; wait="20"'])
def test_whoever_prefers_to_wait_gets_the_record(site: Site, prefer: str) -> None:
    answer = site.post({"url": site.origin.url("/terms")}, Prefer=prefer)
    assert answer.status_code == 201
    assert answer.headers["Preference-Applied"] == "wait"
    record = answer.get_json()
    assert answer.headers["Location"] == f"/{record['id']}"
    assert site.client.get(f"/{record['id']}?format=json").data == answer.data


@pytest.mark.parametrize("prefer", ["wait=x", "wait", "waiting=20", "return=minimal"])
def test_a_preference_that_is_none_is_ignored(idle: Site, prefer: str) -> None:
    answer = idle.post({"url": idle.origin.url("/terms")}, Prefer=prefer)
    assert answer.status_code == 202
    job_id = answer.get_json()["id"]
    idle.client.delete(f"/api/v1/jobs/{job_id}", headers=idle.key)


def test_a_record_that_is_hidden_is_hidden_in_its_job_too(site: Site) -> None:
    urls = [site.origin.url("/terms")] * 2
    batch = site.client.post("/api/v1/captures/batch", json={"urls": urls}, headers=site.key)
    jobs = [site.post({"url": urls[0]}).get_json()["id"], batch.get_json()["id"]]
    single, many = (finished(site, job_id)["result"] for job_id in jobs)
    for record_id in (single["record"]["id"], many["items"][0]["id"]):
        wanted = Wanted(None, HIDDEN, "A court order.")
        restrict(site.archive, parse_id(record_id), wanted, "a test")
    told, told_many = (site.job(job_id)["result"] for job_id in jobs)
    restriction = {"until": None, "metadata": "hidden"}
    assert told["record"].pop("id") == single["record"]["id"]
    assert told["record"].pop("restriction") == restriction
    assert told["record"].pop("outcome") == "restricted"
    assert set(told["record"].values()) == {None}
    assert told_many["items"][0]["id"] == many["items"][0]["id"]
    assert told_many["items"][0]["restriction"] == restriction
    assert told_many["items"][0]["url"] is None
    assert told_many["items"][1] == many["items"][1]
    answer = site.client.get(f"/api/v1/jobs/{jobs[0]}", headers=site.key)
    assert answer.headers["Cache-Control"] == "private, no-store"
    # Who was granted the record sees it here too.
    token = make_api_key(site.archive, ("read", "capture"), "a test")
    grant(site.archive, token.split("_")[1], parse_id(single["record"]["id"]))
    granted = {"Authorization": f"Bearer {token}"}
    shown = site.client.get(f"/api/v1/jobs/{jobs[0]}", headers=granted).get_json()
    assert shown["result"] == single


def test_a_job_that_failed_does_not_use_its_key_up(idle: Site) -> None:
    headers = {"Idempotency-Key": "one-and-the-same"}
    for name in ("first", "second"):
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(
                idle.post, {"url": f"http://{name}.example/"}, "?wait=20", **headers
            )
            job = newest_unfinished(idle.archive)
            assert job.payload["url"] == f"http://{name}.example/"
            problem = Problem("ADDRESS_REFUSED", "the name leads to a private address")
            idle.archive.jobs.fail(Run(job.id, 0), problem)  # type: ignore[attr-defined]
            answer = waiting.result(30)
        assert (answer.status_code, answer.get_json()["code"]) == (422, "ADDRESS_REFUSED")
    # The two were refused, so that the key is free for a request that is in order.
    accepted = idle.post({"url": idle.origin.url("/terms")}, **headers)
    assert accepted.status_code == 202, accepted.get_json()
    assert idle.post({"url": idle.origin.url("/terms")}, **headers).data == accepted.data
    other = idle.post({"url": idle.origin.url("/")}, **headers)
    assert other.get_json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    idle.client.delete(f"/api/v1/jobs/{accepted.get_json()['id']}", headers=idle.key)


def newest_unfinished(archive: Archive) -> Job:
    for _ in range(200):
        found = recent_jobs(archive, [JobState.QUEUED], 1)
        if found:
            return found[0]
        threading.Event().wait(0.05)
    raise AssertionError("no job was asked for")


def test_a_job_ends_in_its_record_or_in_its_problem(site: Site) -> None:
    done = finished(site, site.post({"url": site.origin.url("/terms")}).get_json()["id"])
    assert done["state"] == "done"
    record = done["result"]["record"]
    assert site.client.get(f"/{record['id']}?format=json").get_json() == record
    not_ok = finished(site, site.post({"url": site.origin.url("/missing")}).get_json()["id"])
    assert not_ok["result"]["record"]["id"] is None
    name = {"url": "http://refused.invalid/"}
    unresolved = finished(site, site.post(name).get_json()["id"])
    assert unresolved["result"]["record"]["outcome"] == "unreachable"


def test_a_capture_asked_for_again_with_its_key_is_the_job_that_is_there(idle: Site) -> None:
    url = {"url": idle.origin.url("/terms")}
    first = idle.post(url, **{"Idempotency-Key": "k-1"}).get_json()
    assert idle.post(url, **{"Idempotency-Key": "k-1"}).get_json()["id"] == first["id"]
    assert idle.post(url, **{"Idempotency-Key": "k-2"}).get_json()["id"] != first["id"]
    other = idle.post({"url": "http://a.example/"}, **{"Idempotency-Key": "k-1"})
    assert (other.status_code, other.get_json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert "errors" not in other.get_json()
    token = make_api_key(idle.archive, ("capture",), "another client")
    theirs = idle.client.post(
        "/api/v1/captures",
        json={"url": "http://a.example/"},
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "k-1"},
    )
    assert theirs.status_code == 202
    for bad in ("", "x" * 256):
        assert idle.post(url, **{"Idempotency-Key": bad}).status_code == 400
    for job in idle.archive.jobs.recent((), 100, None):
        idle.archive.jobs.cancel(job.id)


def test_a_batch_is_one_job_with_an_item_for_each_url(site: Site) -> None:
    site.origin.page("/other", page("Another page."))
    urls = [site.origin.url("/terms"), site.origin.url("/missing"), "ftp://x/"]
    urls += [site.origin.url("/other"), "http://user:hush@a.example/"]
    answer = site.client.post("/api/v1/captures/batch", json={"urls": urls}, headers=site.key)
    assert answer.status_code == 202
    done = finished(site, answer.get_json()["id"])
    assert done["state"] == "done"
    assert done["progress"] == {"done": 5, "total": 5}
    assert done["result"]["captured"] == 2
    items = done["result"]["items"]
    outcomes = ["ok", "error-page", "refused", "ok", "refused"]
    assert [item["outcome"] for item in items] == outcomes
    assert "hush" not in json.dumps(done["result"])


@pytest.mark.parametrize(
    "body", [{}, {"urls": []}, {"urls": ["x"] * 1001}, {"urls": [1]}, {"urls": [""]}, {"url": "x"}]
)
def test_a_batch_of_another_shape_is_422(idle: Site, body: Any) -> None:
    answer = idle.client.post("/api/v1/captures/batch", json=body, headers=idle.key)
    assert answer.status_code == 422


def test_a_host_that_answers_429_is_asked_again_when_it_wants_to_be(site: Site) -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> Reply:
        asked.append(request)
        if len(asked) == 1:
            refusal = response(b"slow", status="429 Slow", headers={"Retry-After": "1"})
            return Reply((refusal,), keep_alive=True)
        return Reply((response(page("At last.")),), keep_alive=True)

    site.origin.answer("/limited", answer)
    before = len(tables(site.archive)["observation"])
    job = site.post({"url": site.origin.url("/limited")}).get_json()
    done = finished(site, job["id"])
    assert done["result"]["record"]["outcome"] == "ok"
    assert (len(asked), done["runs"]) == (2, 2)
    # The refusal is kept as what it was, and never as the document.
    assert len(tables(site.archive)["observation"]) == before + 1


def test_a_host_that_answers_429_for_ever_is_given_up(site: Site) -> None:
    site.origin.page("/never", b"slow", status="429 Slow", headers={"Retry-After": "-5"})
    done = finished(site, site.post({"url": site.origin.url("/never")}).get_json()["id"])
    assert done["result"]["record"]["outcome"] == "rate-limited"
    assert len(site.origin.requests_for("/never")) == 2
