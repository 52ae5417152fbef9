"""Metrics for Prometheus: requests by route template and status, answers by verdict. Never by code, serial or place."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds."""


class Metrics:
    """One application's metrics, in a registry of their own."""

    def __init__(self, log_size: Callable[[], float], writer_up: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "carnet_requests_total",
            "Requests by route, method and status.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "carnet_request_seconds", "Time to answer.", ("route",), registry=self._registry, buckets=BUCKETS
        )
        self._answers = Counter(
            "carnet_answers_total", "Judged codes by face and verdict.", ("face", "verdict"), registry=self._registry
        )
        size = Gauge("carnet_log_entries", "Entries in the log.", registry=self._registry)
        size.set_function(log_size)
        writer = Gauge("carnet_writer_up", "1 while the log's writer takes statements.", registry=self._registry)
        writer.set_function(writer_up)

        # Finding a child takes a lock and longer than counting; there are few, as templates and verdicts are few.
        self._request_child = cache(lambda route, method, status: self._requests.labels(route, method, str(status)))
        self._seconds_child = cache(self._seconds.labels)
        self._answer_child = cache(self._answers.labels)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request. `route` is the template, so that codes never become labels."""
        self._request_child(route, method, status).inc()
        self._seconds_child(route).observe(seconds)

    def answer(self, face: str, verdict: str) -> None:
        """Count a verdict. `face`: public or officer."""
        self._answer_child(face, verdict).inc()

    def export(self) -> bytes:
        """Everything in Prometheus's text format."""
        return generate_latest(self._registry)
