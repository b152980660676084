# SPDX-License-Identifier: Apache-2.0
"""What `/metrics` tells (Prometheus): requests by route, and what waits in the catalogue.

Under several worker processes the counts lie in files of a folder that all of them share
(PROMETHEUS_MULTIPROC_DIR, which `muniment serve` sets before it starts them).
"""

import os
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from archive.errors import MunimentError
from archive.services.context import Archive
from archive.services.custody import count_unsigned

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.0, 10.0, 60.0)


class Metrics:
    """The metrics of one application."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "muniment_requests",
            "Requests answered",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "muniment_request_seconds",
            "Time until an answer began",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )

        # Looking a metric up by its labels takes longer than counting.
        self._found: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. `route` is the rule that it matched, never the path."""
        # Clients choose the method's name; a label for each would have no end.
        known = method if method in _METHODS else "other"
        found = self._found.get((known, route, status))
        if found is None:
            found = (self._requests.labels(known, route, status), self._seconds.labels(route))
            self._found[known, route, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def exposition(self) -> bytes:
        """All metrics, in the text format."""
        registry = CollectorRegistry()
        if os.environ.get(FOLDER_VARIABLE):
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library's own
        else:
            registry = self._registry
        return generate_latest(registry) + generate_latest(_CatalogCollector(self._archive))


class _CatalogCollector(Collector):
    """What is asked of the catalogue at the moment of the scrape."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def collect(self) -> Iterator[Metric]:
        """The gauges; none when the catalogue cannot be asked, which /readyz tells."""
        try:
            waiting = count_unsigned(self._archive)
        except MunimentError:
            return
        yield GaugeMetricFamily(
            "muniment_custody_unsigned", "Custody events that wait for a signing key", waiting
        )


_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}
