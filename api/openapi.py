# SPDX-License-Identifier: Apache-2.0
"""flask-smorest as this API uses it: errors are problems, in the responses and in the document.

The library sends its own error shape as application/json, drops headers such as Allow, and
documents that shape; the classes here replace all three. Their methods are typed, since the
library is not.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Response
from flask_smorest import Api, Blueprint
from werkzeug.exceptions import HTTPException

from api import problems
from api.negotiation import PROBLEM
from api.schemas import ProblemSchema

View = TypeVar("View", bound=Callable[..., Any])

_SECURITY_SCHEME = "apiKey"
KEY_NEEDED: list[dict[str, list[str]]] = [{_SECURITY_SCHEME: []}]


class ProblemApi(Api):  # type: ignore[misc]  # flask-smorest is untyped
    """The API object, whose every error is an RFC 9457 problem."""

    ERROR_SCHEMA = ProblemSchema

    def handle_http_exception(self, error: HTTPException) -> Response:
        """The problem that the framework's own error is."""
        return problems.render(problems.of_http(error))

    def _register_responses(self) -> None:
        content = {PROBLEM: {"schema": self.ERROR_SCHEMA}}
        for status in HTTPStatus:
            if status >= HTTPStatus.BAD_REQUEST:
                shown = {"description": status.phrase, "content": content}
                self.spec.components.response(status.name, shown, lazy=True)
        shown = {"description": "Any other problem", "content": content}
        self.spec.components.response("DEFAULT_ERROR", shown, lazy=True)
        self.spec.components.security_scheme(
            _SECURITY_SCHEME,
            {"type": "http", "scheme": "bearer", "description": "mk_<id>_<secret>"},
        )


class ApiBlueprint(Blueprint):  # type: ignore[misc]  # flask-smorest is untyped
    """A blueprint whose decorators keep the view's type."""

    def at(self, rule: str, method: str = "GET") -> Callable[[View], View]:
        """Serve the view at this path."""
        routed: Callable[[View], View] = self.route(rule, methods=[method])
        return routed

    def answers(self, status: int, schema: Any, description: str) -> Callable[[View], View]:
        """Document a response of the view; the view builds it itself."""
        documented: Callable[[View], View] = self.alt_response(
            status, schema=schema, description=description, success=True
        )
        return documented

    def streams(self, status: int, description: str) -> Callable[[View], View]:
        """Document a response of JSON lines, each a value of its own."""
        documented: Callable[[View], View] = self.alt_response(
            status,
            schema={"type": "string"},
            content_type="application/jsonl",
            description=description,
            success=True,
        )
        return documented

    def moves(self) -> Callable[[View], View]:
        """Document that another spelling of the ID is redirected to the canonical one."""

        def documented(view: View) -> View:
            for status in (301, 302):
                view = self.alt_response(
                    status,
                    description="The ID was spelled in another way; Location has the canonical one",
                    content_type="text/html",
                    schema={"type": "string"},
                    success=True,
                )(view)
            return view

        return documented

    def refuses(self, *statuses: int) -> Callable[[View], View]:
        """Document the problems that the view answers with."""

        def documented(view: View) -> View:
            for status in statuses:
                view = self.alt_response(status, HTTPStatus(status).name)(view)
            return view

        return documented

    def documents(self, **operation: Any) -> Callable[[View], View]:
        """Document the operation: its request body, security, parameters."""
        documented: Callable[[View], View] = self.doc(**operation)
        return documented
