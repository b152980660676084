# SPDX-License-Identifier: Apache-2.0
"""The archive behind the running application, and the address that the outside knows it by."""

from flask import Flask, current_app, request

from archive.services.context import Archive

EXTENSION = "muniment"


def current_archive() -> Archive:
    """The archive of the application that handles this request."""
    return archive_of(current_app)


def archive_of(app: Flask) -> Archive:
    """The archive of an application that `create_app` made."""
    archive: Archive = app.extensions[EXTENSION]
    return archive


def public_base_url() -> str:
    """The address that citations print: the configured one, else the one asked at."""
    return current_archive().base_url or request.url_root.rstrip("/")
