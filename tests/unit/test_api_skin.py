# SPDX-License-Identifier: Apache-2.0
"""What surrounds every answer: security fields, CORS, limits, probes, metrics, request IDs."""

import json
import logging
from collections.abc import Iterator
from typing import ClassVar

import pytest
from flask.testing import FlaskClient
from limits.storage import MemoryStorage
from support.archives import minted, new_archive, page, settings_at
from support.origin import Origin
from werkzeug.test import TestResponse

from api.allowance import Allowance
from api.app import create_app
from api.client import client_address, is_direct_loopback, network_of
from archive.cli.logs import log_json
from archive.errors import SettingsError, StorageUnavailable
from archive.services.access.keys import make_api_key
from archive.services.context import Archive
from archive.settings import LimitsSettings, load_settings

FIRST = "CA-C-0000001-39"
PUBLIC_PATHS = [
    "/",
    "/verify",
    "/limits",
    "/healthz",
    "/readyz",
    f"/{FIRST}",
    f"/{FIRST}?format=json",
    f"/{FIRST}/v1",
    f"/{FIRST}/v1?format=json",
    f"/{FIRST}/parts/text",
    f"/{FIRST}/parts/body",
    f"/{FIRST}/cite",
    f"/{FIRST}/verify",
    f"/api/v1/records/{FIRST}",
    f"/api/v1/records/{FIRST}/custody",
    f"/api/v1/records/{FIRST}/restriction",
    "/api/v1/health",
    "/api/v1/openapi.json",
    "/problems/not-found",
    "/static/muniment.css",
    "/ca-c-0000001-39",
    "/nothing-here",
    "/nothing/here/at/all",
]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    opened = new_archive(settings_at(tmp_path_factory.mktemp("archive") / "data"))
    with Origin() as origin:
        origin.page("/terms", page())
        minted(opened, origin.url("/terms"))
    yield opened
    opened.close()


def client_of(archive: Archive, **settings: str) -> FlaskClient:
    given = load_settings(environment={f"MUNIMENT_{name}": text for name, text in settings.items()})
    return create_app(archive, settings=given).test_client()


@pytest.fixture
def client(archive: Archive) -> FlaskClient:
    return client_of(archive)


@pytest.mark.parametrize("path", PUBLIC_PATHS)
def test_every_answer_has_the_security_fields(client: FlaskClient, path: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "POST", "DELETE", "TRACE"):
        answer = client.open(path, method=method, buffered=True)
        told = answer.headers
        policy = told["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        is_desk = (path, method) in {("/verify", "GET"), ("/verify", "HEAD")}
        assert ("script-src 'self'" in policy) == is_desk
        assert ("connect-src 'self'" in policy) == is_desk
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy or policy.startswith("sandbox")
        assert told["X-Content-Type-Options"] == "nosniff"
        assert told["Referrer-Policy"] == "strict-origin-when-cross-origin"
        assert told["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "geolocation=()" in told["Permissions-Policy"]
        assert len(told["X-Request-Id"]) == 16
        is_read = method in {"GET", "HEAD"}
        assert told.get("Access-Control-Allow-Origin") == ("*" if is_read else None)
        resource = "cross-origin" if is_read else "same-origin"
        assert told["Cross-Origin-Resource-Policy"] == resource
        assert "Access-Control-Allow-Credentials" not in told
        assert "Set-Cookie" not in told
        assert "Server" not in told


def test_a_page_elsewhere_may_ask_to_read_and_for_nothing_else(client: FlaskClient) -> None:
    def preflight(method: str) -> TestResponse:
        asked = {"Origin": "https://a.example", "Access-Control-Request-Method": method}
        return client.options(f"/api/v1/records/{FIRST}/restriction", headers=asked)

    allowed = preflight("GET")
    assert allowed.headers["Access-Control-Allow-Origin"] == "*"
    assert allowed.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
    assert "Authorization" not in allowed.headers["Access-Control-Allow-Headers"]
    for method in ("PUT", "DELETE", "POST", "PATCH"):
        assert "Access-Control-Allow-Origin" not in preflight(method).headers


def test_the_id_of_a_request_is_taken_and_given_back(client: FlaskClient) -> None:
    for path in (f"/{FIRST}?format=json", f"/{FIRST}", "/nothing-here"):
        answer = client.get(path, headers={"X-Request-Id": "trace-0123.45_6"})
        assert answer.headers["X-Request-Id"] == "trace-0123.45_6"
        for bad in ("short", "x" * 65, "with space", "a;b=cdefgh"):
            made = client.get(path, headers={"X-Request-Id": bad}).headers["X-Request-Id"]
            assert made != bad
            assert len(made) == 16


def test_one_client_is_told_when_it_asks_too_much(archive: Archive) -> None:
    client = client_of(
        archive,
        LIMITS_READS_PER_MINUTE="3",
        LIMITS_WRITES_PER_MINUTE="2",
        LIMITS_VERIFICATIONS_PER_MINUTE="1",
    )
    left = []
    for _ in range(3):
        answer = client.get("/limits")
        assert answer.status_code == 200
        assert answer.headers["RateLimit-Policy"] == '"reads";q=3;w=60'
        left.append(answer.headers["RateLimit"].split(";")[1])
    assert left == ["r=2", "r=1", "r=0"]
    over = client.get("/limits", headers={"Accept": "application/json"})
    assert (over.status_code, over.mimetype) == (429, "application/problem+json")
    assert over.get_json()["code"] == "TOO_MANY_REQUESTS"
    assert 1 <= int(over.headers["Retry-After"]) <= 60
    assert over.headers["RateLimit"].startswith('"reads";r=0;t=')
    assert client.get("/problems/too-many-requests").status_code == 429
    # What is counted apart, and what is not counted.
    assert client.get("/healthz").status_code == 200
    assert client.post("/api/v1/verifications", json={"id": FIRST}).status_code == 200
    assert client.post("/api/v1/verifications", json={"id": FIRST}).status_code == 429
    assert [client.post("/api/v1/captures").status_code for _ in range(3)] == [401, 401, 429]


def test_a_key_is_a_client_of_its_own_and_a_false_one_is_not(archive: Archive) -> None:
    client = client_of(archive, LIMITS_READS_PER_MINUTE="1")
    keys = [make_api_key(archive, ("read",), "a test") for _ in range(2)]
    good = [{"Authorization": f"Bearer {key}"} for key in keys]
    false = [{"Authorization": f"Bearer mk_{number:016x}_AAAA"} for number in range(3)]
    assert [client.get("/limits", headers=key).status_code for key in good] == [200, 200]
    assert [client.get("/limits", headers=key).status_code for key in good] == [429, 429]
    assert [client.get("/limits", headers=key).status_code for key in false] == [200, 429, 429]


def test_an_address_that_is_only_claimed_does_not_count(archive: Archive) -> None:
    def asked(client: FlaskClient, forwarded: str, peer: str = "192.0.2.1") -> int:
        return client.get(
            "/limits",
            headers={"X-Forwarded-For": forwarded},
            environ_base={"REMOTE_ADDR": peer},
        ).status_code

    direct = client_of(archive, LIMITS_READS_PER_MINUTE="1")
    assert [asked(direct, f"203.0.113.{n}") for n in range(3)] == [200, 429, 429]
    behind = client_of(archive, LIMITS_READS_PER_MINUTE="1", SERVER_TRUSTED_PROXIES="192.0.2.0/24")
    assert [asked(behind, f"203.0.113.{n}") for n in range(3)] == [200, 200, 200]
    assert asked(behind, "198.51.100.9, 203.0.113.1") == 429
    assert asked(behind, "203.0.113.77", peer="198.51.100.1") == 200
    assert asked(behind, "203.0.113.78", peer="198.51.100.1") == 429


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.1", "203.0.113.5", "198.51.100.1"),
        ("192.0.2.1", "203.0.113.5", "203.0.113.5"),
        ("192.0.2.1", "10.9.9.9, 203.0.113.5, 192.0.2.7", "203.0.113.5"),
        ("192.0.2.1", "nonsense, 192.0.2.7", "192.0.2.7"),
        ("192.0.2.1", "", "192.0.2.1"),
        ("::ffff:192.0.2.1", "2001:db8::5", "2001:db8::5"),
        ("", "203.0.113.5", "None"),
    ],
)
def test_the_clients_address_is_read_from_the_right(peer: str, forwarded: str, client: str) -> None:
    proxies = load_settings(
        environment={"MUNIMENT_SERVER_TRUSTED_PROXIES": "192.0.2.0/24"}
    ).trusted_proxies()
    environ = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}
    assert str(client_address(environ, proxies)) == client


def test_an_ipv6_client_is_its_network() -> None:
    first, second, other = (
        network_of(client_address({"REMOTE_ADDR": address}, ()))
        for address in ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1")
    )
    assert first == second == "2001:db8::/64"
    assert other != first


def test_a_limits_storage_that_there_is_not_is_said_at_start(archive: Archive) -> None:
    with pytest.raises(SettingsError, match=r"limits\.storage_url"):
        client_of(archive, LIMITS_STORAGE_URL="carrier-pigeon://loft")


def test_a_limits_storage_that_is_away_does_not_stop_the_archive(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = [
        client_of(archive, LIMITS_READS_PER_MINUTE="2", LIMITS_STORAGE_URL="loft://")
        for _ in range(2)
    ]
    monkeypatch.setattr(Loft, "is_away", False)
    monkeypatch.setattr(Loft, "counts", {})
    asked = [client.get("/limits").status_code for client in clients * 2]
    assert asked == [200, 200, 429, 429]
    # Counted in each process meanwhile.
    monkeypatch.setattr(Loft, "is_away", True)
    asked = [client.get("/limits").status_code for client in clients * 3]
    assert asked == [200, 200, 200, 200, 429, 429]


class Loft(MemoryStorage):
    """A storage of counts that several processes share, and that may be away."""

    STORAGE_SCHEME: ClassVar[list[str]] = ["loft"]
    is_away: ClassVar[bool] = False
    counts: ClassVar[dict[str, int]] = {}

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:  # noqa: ARG002 - the protocol
        if self.is_away:
            raise OSError("connection refused")
        self.counts[key] = self.counts.get(key, 0) + amount
        return self.counts[key]


DOORS = [
    ("GET", f"/{FIRST}?format=json"),
    ("HEAD", f"/{FIRST}?format=json"),
    ("GET", f"/{FIRST}"),
    ("GET", f"/{FIRST}/parts/text"),
    ("GET", f"/api/v1/records/{FIRST}"),
    ("GET", "/no/such/address/at/all"),
    ("GET", "/static/muniment.css"),
    ("GET", "/static/nothing"),
    ("OPTIONS", "/api/v1/captures"),
    ("HEAD", f"/{FIRST}/verify"),
]


@pytest.mark.parametrize(("method", "path"), DOORS)
def test_every_door_is_counted_alike(archive: Archive, method: str, path: str) -> None:
    client = client_of(archive, LIMITS_READS_PER_MINUTE="2")
    plain = {"Accept": "application/json"}
    first = client.open(path, method=method, headers=plain, buffered=True)
    assert first.status_code != 429
    assert [first.headers[name] for name in ("RateLimit-Policy",)] == ['"reads";q=2;w=60']
    assert first.headers["RateLimit"].startswith('"reads";r=1;t=')
    # The other doors are counted with it.
    assert client.get(f"/{FIRST}?format=json").status_code == 200
    over = client.open(path, method=method, headers=plain, buffered=True)
    assert over.status_code == 429
    assert 1 <= int(over.headers["Retry-After"]) <= 60
    assert client.get(f"/{FIRST}?format=json").get_json()["code"] == "TOO_MANY_REQUESTS"


def test_a_wrong_method_is_a_write_that_is_counted(archive: Archive) -> None:
    client = client_of(archive, LIMITS_WRITES_PER_MINUTE="1")
    asked = [client.post(path).status_code for path in ("/healthz", "/nothing/at/all/here")]
    assert asked == [405, 429]


def test_a_key_is_counted_as_itself_at_the_plain_door_too(archive: Archive) -> None:
    client = client_of(archive, LIMITS_READS_PER_MINUTE="1")
    keys = [make_api_key(archive, ("read",), "a test") for _ in range(2)]
    for headers in ({}, *({"Authorization": f"Bearer {key}"} for key in keys)):
        asked = [client.get(f"/{FIRST}?format=json", headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in asked] == [200, 429]


def test_a_minute_that_is_over_is_forgotten() -> None:
    now = [119.0]
    allowance = Allowance(LimitsSettings(reads_per_minute=1), lambda: now[0])
    assert [allowance.hit("reads", "a").is_over for _ in range(2)] == [False, True]
    assert not allowance.hit("reads", "b").is_over
    assert allowance.hit("reads", "a").seconds_left == 1
    now[0] = 120.0
    hit = allowance.hit("reads", "a")
    assert (hit.is_over, hit.number, hit.seconds_left) == (False, 1, 60)


def test_probes(archive: Archive, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.get_json() == {"status": "ok", "checks": {"catalog": "ok", "store": "ok"}}
    assert ready.headers["Cache-Control"] == "no-store"

    def away(_prefix: str = "") -> Iterator[None]:
        raise StorageUnavailable("s3://secret-bucket does not answer")

    monkeypatch.setattr(type(archive.store), "list", lambda _self, prefix="": away(prefix))
    unready = client.get("/readyz")
    assert unready.status_code == 503
    problem = json.loads(unready.data)
    assert problem["code"] == "NOT_READY"
    assert problem["checks"] == {"catalog": "ok", "store": "STORAGE_UNAVAILABLE"}
    assert "secret-bucket" not in unready.text
    assert unready.headers["Retry-After"]
    assert client.get("/healthz").status_code == 200


def test_metrics_are_for_whom_the_settings_let(archive: Archive) -> None:
    admin = {"Authorization": f"Bearer {make_api_key(archive, ('admin',), 'a test')}"}
    by_key = client_of(archive)
    assert by_key.get("/metrics").status_code == 401
    told = by_key.get("/metrics", headers=admin)
    assert told.status_code == 200
    assert "Access-Control-Allow-Origin" not in told.headers
    by_loopback = client_of(archive, SERVER_METRICS="loopback")
    assert by_loopback.get("/metrics").status_code == 200
    for environ in (
        {"REMOTE_ADDR": "192.0.2.1"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
    ):
        assert by_loopback.get("/metrics", environ_base=environ).status_code == 404
    off = client_of(archive, SERVER_METRICS="off")
    assert off.get("/metrics", headers=admin).status_code == 404
    with pytest.raises(SettingsError):
        load_settings(environment={"MUNIMENT_SERVER_METRICS": "everybody"})


def test_metrics_count_by_route_and_name_no_path(archive: Archive) -> None:
    client = client_of(archive, SERVER_METRICS="loopback")
    client.get(f"/{FIRST}?format=json")
    client.get(f"/{FIRST}")
    client.get("/no-such-record")
    client.open("/limits", method="BREW")
    told = client.get("/metrics").text
    rows = dict(line.rsplit(" ", 1) for line in told.splitlines() if not line.startswith("#"))
    plain = 'muniment_requests_total{method="GET",route="/<text>",status="200"}'
    assert rows[plain] == "2.0"
    assert rows[plain.replace("200", "404")] == "1.0"
    assert rows['muniment_requests_total{method="other",route="none",status="405"}'] == "1.0"
    assert rows['muniment_request_seconds_count{route="/<text>"}'] == "3.0"
    assert "muniment_custody_unsigned" in rows
    assert "no-such-record" not in told


def test_loopback_behind_a_trusted_proxy_is_the_clients_address() -> None:
    proxies = load_settings(
        environment={"MUNIMENT_SERVER_TRUSTED_PROXIES": "127.0.0.0/8"}
    ).trusted_proxies()
    outside = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.5"}
    assert not is_direct_loopback(outside, proxies)
    assert is_direct_loopback({"REMOTE_ADDR": "127.0.0.1"}, proxies)
    assert is_direct_loopback({"REMOTE_ADDR": "::1"}, ())


@pytest.fixture
def json_logs() -> Iterator[None]:
    """JSON logs, and afterwards the logging that was there."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    log_json()
    yield
    root.handlers[:], root.level = before
    for name in ("api.request_log", "muniment.command", "archive.jobs"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_logs_are_one_json_object_a_line_without_secrets(
    archive: Archive, capsys: pytest.CaptureFixture[str], json_logs: None
) -> None:
    log_json()  # on the stderr that is captured now
    key = make_api_key(archive, ("read",), "a test")
    client = client_of(archive)
    client.get("/limits?token=hush", headers={"Authorization": f"Bearer {key}"})
    error = StorageUnavailable(f"postgresql://user:hunter2@db.example refused {key}")
    logging.getLogger("archive.anything").error("it failed with %s", key, exc_info=error)
    logging.getLogger("archive.anything").info("too much detail")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    request, failure = lines
    assert request["event"] == "request"
    expected = {"method": "GET", "path": "/limits", "route": "/limits", "status": 200}
    assert {name: request[name] for name in expected} == expected
    assert request["key_id"] == key.split("_")[1]
    assert {"at", "level", "logger", "ms", "request_id"} <= request.keys()
    assert failure["level"] == "error"
    assert "StorageUnavailable" in failure["exception"]
    for secret in (key, key.split("_", 2)[2], "hunter2", "hush"):
        assert secret not in json.dumps(lines)


def test_paths_of_this_file_are_all_there(client: FlaskClient) -> None:
    lost = [
        path for path in PUBLIC_PATHS[:-3] if client.get(path, buffered=True).status_code != 200
    ]
    assert lost == []
