# SPDX-License-Identifier: Apache-2.0
"""The application factory: gunicorn calls `api.app:create_app()`. Nothing opens at import."""

from urllib.parse import urlsplit, urlunsplit

from flask import Flask, Response, g, redirect, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as BaseResponse

from api import headers, ops, problems, resolver, transparency, v1
from api.allowance import Allowance
from api.limits import ReadCounter, limit_requests
from api.metrics import Metrics
from api.openapi import ProblemApi
from api.pages import keys, site
from api.request_log import ROUTE, logged
from api.state import BOUNDS_EXTENSION, DOOR_EXTENSION, EXTENSION, Door
from api.thin import thin_path
from api.turns import bounds_for
from archive import __version__
from archive.bootstrap import open_archive
from archive.errors import MunimentError
from archive.ids import Kind, RecordId
from archive.services.context import Archive
from archive.services.reading.cite import readable
from archive.settings import Settings, load_settings

_STATIC_SECONDS = 3600
_OTHER_BYTES_LIMIT = 64 * 1024
_PERMANENT_REDIRECT = 308


def create_app(
    archive: Archive | None = None, threads: int = 16, settings: Settings | None = None
) -> Flask:
    """The application over an archive; without one, over that of the settings.

    `threads` is how many requests the process handles at once; its bounds are made to fit. The
    settings are those that the environment gives, unless they are given.
    Raises what `archive.bootstrap.open_archive` raises, and SettingsError.
    """
    settings = settings or load_settings()
    app = Flask("api")
    app.config.update(
        API_TITLE="Muniment",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=v1.PREFIX,
        MAX_CONTENT_LENGTH=_OTHER_BYTES_LIMIT,
        SEND_FILE_MAX_AGE_DEFAULT=_STATIC_SECONDS,
    )
    app.extensions[EXTENSION] = open_archive(settings) if archive is None else archive
    metrics = Metrics(app.extensions[EXTENSION])
    app.extensions[DOOR_EXTENSION] = Door(settings.server, settings.trusted_proxies(), metrics)
    app.extensions[BOUNDS_EXTENSION] = bounds_for(threads)
    # First, so that what is too much costs no more than being told so.
    app.before_request(_routed)
    allowance = Allowance(settings.limits)
    limit_requests(app, allowance)
    v1.register(ProblemApi(app))
    app.register_blueprint(ops.blueprint)
    app.register_blueprint(site.blueprint)
    app.register_blueprint(transparency.blueprint)
    app.register_blueprint(keys.blueprint)
    app.register_blueprint(resolver.blueprint)
    _handle_errors(app)
    # Run in reverse order: what replaces a redirect comes before what adds headers.
    app.after_request(_secured)
    app.after_request(_redirected_within)
    example = RecordId(app.extensions[EXTENSION].identity.prefix, Kind.CAPTURE, 1)
    app.jinja_env.globals.update(version=__version__, example=str(example))
    app.jinja_env.filters["readable"] = _readable
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    count_read = ReadCounter(allowance, settings.trusted_proxies())
    thin = thin_path(app.extensions[EXTENSION], count_read, app.wsgi_app)
    app.wsgi_app = logged(thin, metrics.count)  # type: ignore[assignment,method-assign]  # the way Flask documents
    return app


def _handle_errors(app: Flask) -> None:
    @app.errorhandler(problems.ProblemRaised)
    def _raised(error: problems.ProblemRaised) -> Response:
        return problems.render(error.problem)

    @app.errorhandler(MunimentError)
    def _own(error: MunimentError) -> Response:
        return problems.render(problems.of_error(error))

    @app.errorhandler(ParseException)
    def _malformed(_error: ParseException) -> Response:
        return problems.render(problems.of_http(BadRequest("The body's chunks cannot be read.")))

    @app.errorhandler(Exception)
    def _bug(error: Exception) -> Response:
        return problems.render(problems.of_bug(error))


def _readable(text: str | None) -> str:
    return readable(text or "")


def _routed() -> None:
    """Note the rule that the request matches, for log and metrics."""
    if request.url_rule is not None:
        request.environ[ROUTE] = request.url_rule.rule


def _redirected_within(response: BaseResponse) -> BaseResponse:
    """The framework's own redirect, which repeats the client's Host, as one without a host."""
    if response.status_code != _PERMANENT_REDIRECT:
        return response
    target = urlsplit(response.headers["Location"])
    path = "/" + target.path.lstrip("/")
    return redirect(urlunsplit(("", "", path, target.query, "")), _PERMANENT_REDIRECT)


def _asks_to_read() -> bool:
    return request.headers.get("Access-Control-Request-Method") in {"GET", "HEAD"}


def _secured(response: BaseResponse) -> BaseResponse:
    is_private = g.get("is_private", False)
    if is_private:
        response.headers["Cache-Control"] = headers.PRIVATE
        response.vary.add("Authorization")
        for name, _ in headers.PUBLIC:
            response.headers.pop(name, None)
    is_read = request.method in {"GET", "HEAD"} and not is_private
    for name, value in (*headers.SECURITY, *(headers.PUBLIC if is_read else headers.OWN)):
        response.headers.setdefault(name, value)
    if request.method == "OPTIONS" and _asks_to_read():
        response.headers.extend(headers.PREFLIGHT)
    # The server writes its own; two Date fields are no valid response.
    response.headers.pop("Date", None)
    return response
