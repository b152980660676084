# SPDX-License-Identifier: Apache-2.0
"""The thin path and the Flask path give the same answer to the same question."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.origin import Origin
from werkzeug.test import EnvironBuilder, run_wsgi_app

import api.app
from archive.bootstrap import init_archive
from archive.services.capturing.capture import capture
from archive.services.context import Archive
from archive.settings import load_settings

FIRST = "CA-C-0000001-39"


pytestmark = pytest.mark.both_databases(later=True)


@pytest.fixture(scope="module", params=["", "https://archive.example"])
def archive(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    module_database_setting: dict[str, str],
) -> Iterator[Archive]:
    environment = {
        "MUNIMENT_DATA": str(tmp_path_factory.mktemp("archive") / "data"),
        "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
        **module_database_setting,
        "MUNIMENT_SERVER_BASE_URL": request.param,
    }
    opened, _ = init_archive(load_settings(environment=environment))
    with Origin() as origin:
        origin.page("/terms", "<title>T</title><p>" + "We may share your data. " * 40)
        capture(opened, origin.url("/terms"))
    yield opened
    opened.close()


def asked(app: Any, environ: dict[str, Any]) -> tuple[bytes, str, list[tuple[str, str]]]:
    body, status, headers = run_wsgi_app(app, dict(environ))
    # The seconds that are left of the minute pass between the two.
    told = [(name, value.partition(";t=")[0]) for name, value in headers]
    return b"".join(body), status.upper(), sorted(told)


def etag(archive: Archive) -> str:
    row = archive.hot.record(FIRST)
    assert row is not None
    return row[1]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("query", ["", "format=json"])
@pytest.mark.parametrize("match", [None, "same", "weak", "other", "star", "broken"])
def test_both_paths_answer_alike(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, method: str, query: str, match: str | None
) -> None:
    headers = {"Accept": "application/json", "X-Request-Id": "0123456789"}
    given = {
        "same": f'"{etag(archive)}"',
        "weak": f'W/"{etag(archive)}", "b"',
        "other": '"0"',
        "star": "*",
        "broken": '"',
    }
    if match is not None:
        headers["If-None-Match"] = given[match]
    environ = EnvironBuilder(
        path=f"/{FIRST}", query_string=query, method=method, headers=headers
    ).get_environ()
    thin = asked(api.app.create_app(archive), environ)
    monkeypatch.setattr(api.app, "thin_path", lambda _archive, _count, inner: inner)
    assert asked(api.app.create_app(archive), environ) == thin


def test_the_thin_path_answers_without_flask(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = api.app.create_app(archive)
    monkeypatch.setattr(app, "full_dispatch_request", lambda: pytest.fail("Flask was asked"))
    client = app.test_client()
    assert client.get(f"/{FIRST}?format=json").status_code == 200
    assert client.get(f"/{FIRST}", headers={"Accept": "application/json"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (f"/{FIRST}", {}, 200),
        ("/ca-c-0000001-39?format=json", {}, 301),
        ("/CA-C-0000001-38?format=json", {}, 404),
        ("/CA-C-0000009-15?format=json", {}, 404),
        ("/?format=json", {}, 200),
        (f"/{FIRST}?format=json&asked=x", {}, 200),
    ],
)
def test_all_else_goes_on_to_flask(
    archive: Archive, path: str, headers: dict[str, str], status: int
) -> None:
    answer = api.app.create_app(archive).test_client().get(path, headers=headers)
    assert answer.status_code == status
