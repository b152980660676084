# SPDX-License-Identifier: Apache-2.0
"""Image, compose file, systemd units and proxy agree with the program.

As far as can be seen without a container engine, and without systemd as the first process.
"""

import http.client
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import click
import pytest
import yaml
from specs.documents import ROOT
from support.archives import is_root
from support.containerfile import run_stage, stages

from api.app import create_app
from archive.cli import cli
from archive.services.context import Archive
from archive.settings import load_settings

CONFIG = ROOT / "config"
UNITS = CONFIG / "systemd"
CONTAINERFILE = (CONFIG / "Containerfile").read_text(encoding="utf-8")
NGINX = (CONFIG / "nginx.conf").read_text(encoding="utf-8")
PROGRAM = "/opt/muniment/bin/muniment"


def tool(name: str, package: str) -> str:
    """The program, which is never done without: it comes with a Debian package."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert found, f"{name} is missing: apt-get install --no-install-recommends {package}"
    return found


def assert_taken(words: list[str]) -> None:
    """The command line is one that the program takes."""
    name, *arguments = words
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, name
    command.make_context(name, arguments)


# The image


def test_the_image_installs_nothing_that_is_not_pinned_by_hash() -> None:
    for command in re.findall(r"pip install [^&\n]*", CONTAINERFILE):
        assert "--require-hashes" in command or "--no-index" in command, command
    assert "--no-build-isolation" in CONTAINERFILE
    for lock in re.findall(r"-r (\S+)", CONTAINERFILE):
        [path] = [folder / lock for folder in (ROOT, CONFIG) if (folder / lock).exists()]
        text = path.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert "://" not in text


def test_the_image_runs_without_root_and_names_no_host_of_packages() -> None:
    words = [(step.word, step.rest) for step in stages(CONTAINERFILE)[-1]]
    user = dict(words)["USER"]
    assert re.fullmatch(r"[1-9][0-9]+:[1-9][0-9]+", user)
    assert [word for word, _ in words].index("USER") < [word for word, _ in words].index("CMD")
    assert set(re.findall(r"[a-z]+://[^/'\"]+", CONTAINERFILE)) == {"http://127.0.0.1:8080"}
    bases = {stage[0].rest.split()[0] for stage in stages(CONTAINERFILE)}
    assert bases == {"python:3.11-slim-bookworm"}


def test_the_image_starts_what_there_is(archive: Archive) -> None:
    final = {step.word: step.rest for step in stages(CONTAINERFILE)[-1]}
    assert final["ENTRYPOINT"] == '["muniment"]'
    assert_taken(yaml.safe_load(final["CMD"]))
    path = re.search(r"127\.0\.0\.1:8080(/[\w/]+)", final["HEALTHCHECK"])
    assert path
    assert create_app(archive).test_client().get(path[1]).status_code == 200


@pytest.mark.slow
def test_the_steps_of_the_image_done_by_hand_give_a_program_that_works(tmp_path: Path) -> None:
    build = stages(CONTAINERFILE)[0]
    run_stage(build, ROOT, tmp_path)
    installed = tmp_path / "opt" / "muniment"
    assert not list(installed.glob("lib/*/site-packages/pip"))
    assert not list(installed.glob("lib/*/site-packages/hatchling"))
    sources = set(installed.glob("lib/*/site-packages/archive/**/*.py"))
    compiled = set(installed.glob("lib/*/site-packages/archive/**/__pycache__/*.pyc"))
    assert len(compiled) >= len(sources) > 100
    environment = {"PATH": os.environ["PATH"], "MUNIMENT_DATA": str(tmp_path / "data")}
    for arguments in (["init"], ["doctor", "--quiet"], ["rebuild"]):
        done = subprocess.run(
            [installed / "bin" / "muniment", *arguments],
            env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done
    assert (tmp_path / "data" / "catalog.sqlite").exists()


# Compose


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CONFIG / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def ours(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: service
        for name, service in compose["services"].items()
        if service["image"] == "muniment"
    }


def test_compose_gives_settings_and_commands_that_there_are(compose: dict[str, Any]) -> None:
    services = ours(compose)
    assert {"init", "serve", "worker", "backup"} <= set(services)
    for service in services.values():
        assert_taken(service["command"])
        settings = load_settings(environment=service["environment"])
        assert settings.database_url.startswith("postgresql+psycopg://")
        assert settings.store_url.startswith("s3://")
        final = {step.word: step.rest for step in stages(CONTAINERFILE)[-1]}
        assert f"{settings.data}" == final["VOLUME"]
    assert any(service["image"].startswith("postgres:") for service in compose["services"].values())


def test_compose_names_only_what_it_defines(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
        volumes = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert volumes <= set(compose["volumes"]), name
        assert set(service.get("depends_on", {})) <= set(compose["services"]), name
        mentioned = set(re.findall(r"/run/secrets/(\w+)", str(service)))
        assert mentioned <= set(service.get("secrets", [])), name
    services = compose["services"].values()
    used = {secret for service in services for secret in service.get("secrets", [])}
    assert used == set(compose["secrets"])
    assert all(set(secret) == {"file"} for secret in compose["secrets"].values())


def test_no_secret_stands_in_compose_and_our_containers_can_do_little(
    compose: dict[str, Any],
) -> None:
    for name, service in ours(compose).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        for variable, value in service["environment"].items():
            assert not re.search(r"://[^/@]*:[^/@]+@", value), variable
            assert not re.search(r"(PASSWORD|SECRET|KEY)$", variable), variable
    for service in compose["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), port


def test_the_s3_server_takes_the_options_of_compose(compose: dict[str, Any]) -> None:
    command = compose["services"]["store"]["command"]
    weed = Path(sys.executable).with_name("weed")
    shown = subprocess.run([weed, command[0], "-h"], capture_output=True, text=True, check=False)
    known = set(re.findall(r"^\s+-([\w.]+)", shown.stdout + shown.stderr, re.MULTILINE))
    assert len(known) > 50
    assert {word.lstrip("-").partition("=")[0] for word in command[1:]} <= known


# systemd


def units(pattern: str) -> list[Path]:
    found = sorted(UNITS.glob(pattern))
    assert found
    return found


@pytest.fixture
def installed_units(tmp_path: Path) -> Path:
    """The units with this environment's program, as systemd wants an executable to exist."""
    for unit in units("*"):
        text = unit.read_text(encoding="utf-8")
        here = Path(sys.executable).with_name("muniment")
        (tmp_path / unit.name.replace("@.", "@1.")).write_text(text.replace(PROGRAM, str(here)))
    return tmp_path


def test_systemd_finds_no_fault_in_the_units(installed_units: Path) -> None:
    done = subprocess.run(
        [
            tool("systemd-analyze", "systemd"),
            "verify",
            "--man=no",
            *(f"./{path.name}" for path in sorted(installed_units.iterdir())),
        ],
        cwd=installed_units,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", [path.name for path in sorted(UNITS.glob("*.service"))])
def test_systemd_calls_the_units_little_exposed(installed_units: Path, unit: str) -> None:
    done = subprocess.run(
        [
            tool("systemd-analyze", "systemd"),
            "security",
            "--offline=true",
            "--threshold=20",
            f"./{unit.replace('@.', '@1.')}",
        ],
        cwd=installed_units,
        capture_output=True,
        text=True,
        check=False,
    )
    # Out of 100; a unit without any hardening has 96.
    assert done.returncode == 0, done.stdout[-200:]


def test_the_units_start_what_there_is() -> None:
    for unit in units("*.service"):
        [line] = re.findall(r"^ExecStart=(.*)$", unit.read_text("utf-8"), re.MULTILINE)
        program, *words = shlex.split(line)
        assert program == PROGRAM
        assert_taken(words)
    for timer in units("*.timer"):
        assert timer.with_suffix(".service").exists()


def test_the_units_set_what_is_a_setting() -> None:
    for unit in units("*.service"):
        text = unit.read_text("utf-8")
        pairs = re.findall(r"\b(MUNIMENT_\w+)=(\S+)", text)
        load_settings(environment={**dict(pairs), "MUNIMENT_CONFIG": ""})
        for wanted in ("NoNewPrivileges=yes", "ProtectSystem=strict", "User=muniment"):
            assert wanted in text.splitlines(), unit.name
        # The owners of reserved numbers are looked up there, whoever they are.
        assert "ProtectProc" not in text.replace("# Not ProtectProc", "")


# nginx


class _Behind(BaseHTTPRequestHandler):
    """What nginx passes on, written down."""

    seen: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.seen.append((self.path, headers, body))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Nothing."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def certificate(folder: Path) -> None:
    subprocess.run(
        [
            *[tool("openssl", "openssl"), "req", "-x509", "-newkey", "ec"],
            *["-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
            *["-subj", "/CN=archive.example", "-keyout", folder / "privkey.pem"],
            *["-out", folder / "fullchain.pem"],
        ],
        check=True,
        capture_output=True,
    )


def placed(folder: Path, plain: int, tls: int, behind: int) -> Path:
    """The sample in a folder of its own: other ports, another certificate, one address family."""
    text = re.sub(r"^\s+listen \[::\].*\n", "", NGINX, flags=re.MULTILINE)
    for old, new in (
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443", f"listen 127.0.0.1:{tls}"),
        ("127.0.0.1:8080", f"127.0.0.1:{behind}"),
        ("/etc/ssl/muniment", str(folder)),
    ):
        assert text.count(old) >= 1, old
        text = text.replace(old, new)
    (folder / "muniment.conf").write_text(text)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "nginx.conf"
    main.write_text(
        f"{'user root;' if is_root() else ''} daemon off; pid {folder}/pid; "
        f"error_log {folder}/error.log; events {{}} "
        f"http {{ access_log off; {temporary} include {folder}/muniment.conf; }}"
    )
    return main


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """nginx as the sample sets it up, before a server that writes down what it gets."""
    certificate(tmp_path)
    _Behind.seen = []
    behind = ThreadingHTTPServer(("127.0.0.1", 0), _Behind)
    thread = threading.Thread(target=behind.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    plain, tls = free_port(), free_port()
    main = placed(tmp_path, plain, tls, behind.server_port)
    program = tool("nginx", "nginx-light")
    tested = subprocess.run(
        [program, "-t", "-c", main], capture_output=True, text=True, check=False
    )
    assert tested.returncode == 0, tested.stderr
    running = subprocess.Popen([program, "-c", main], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", tls)) == 0:
                    break
            time.sleep(0.05)
        yield plain, tls
    finally:
        running.terminate()
        running.wait(20)
        behind.shutdown()
        thread.join()
        behind.server_close()


def over_tls(port: int) -> http.client.HTTPSConnection:
    context = ssl._create_unverified_context()
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=context)


def test_nginx_passes_on_whole_requests_with_the_true_address(proxy: tuple[int, int]) -> None:
    connection = over_tls(proxy[1])
    connection.putrequest("POST", "/api/v1/verifications")
    connection.putheader("Content-Length", "6")
    connection.putheader("X-Forwarded-For", "203.0.113.9")
    connection.endheaders()
    connection.send(b"hal")
    time.sleep(0.5)
    assert _Behind.seen == []
    connection.send(b"ves")
    assert connection.getresponse().read() == b"ok"
    [(path, headers, body)] = _Behind.seen
    assert (path, body) == ("/api/v1/verifications", b"halves")
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    connection.close()


def test_nginx_refuses_what_is_too_large_and_keeps_metrics_to_the_operator(
    proxy: tuple[int, int],
) -> None:
    limit = load_settings(environment={}).server.upload_bytes_limit
    for size, status in ((limit + (1 << 20) + 1, 413), (0, 200)):
        connection = over_tls(proxy[1])
        connection.putrequest("POST", "/api/v1/verifications")
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        assert connection.getresponse().status == status
        connection.close()
    connection = over_tls(proxy[1])
    connection.request("POST", "/metrics", b"x")
    assert connection.getresponse().status == 404
    connection.close()
    assert [path for path, _, _ in _Behind.seen] == ["/api/v1/verifications"]


def test_nginx_leads_to_tls(proxy: tuple[int, int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy[0], timeout=20)
    connection.request("GET", "/CA-C-0000001-39", headers={"Host": "archive.example"})
    answer = connection.getresponse()
    assert answer.status == 301
    assert answer.headers["Location"] == "https://archive.example/CA-C-0000001-39"
    connection.close()
