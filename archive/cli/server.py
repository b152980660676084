# SPDX-License-Identifier: Apache-2.0
"""Runs an application by gunicorn in this process, with these options and no file of its own."""

import socket
from typing import Any

import click

from archive.cli.logs import log_json


def require_free(host: str, port: int) -> None:
    """Raise click.ClickException when nothing can listen there; gunicorn would retry and mutter."""
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {host} port {port} ({error.strerror}): choose another --port"
        ) from error


def run_server(application: str, options: dict[str, Any]) -> None:
    """Serve until TERM or Ctrl-C. `application` names what each worker calls after the fork."""
    from gunicorn.app.base import BaseApplication
    from gunicorn.util import import_app

    class Server(BaseApplication):  # type: ignore[misc]  # gunicorn is untyped
        """gunicorn with these options and nothing from its own files or environment."""

        def load_config(self) -> None:
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return import_app(application)

    Server().run()


def tell_ready(arbiter: Any, *, with_requests: bool) -> None:
    """Say where it listens."""
    log_json(with_requests=with_requests)
    host, port = arbiter.LISTENERS[0].sock.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"Serving at http://{shown}:{port}/ (Ctrl-C ends)")
