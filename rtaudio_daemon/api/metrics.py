"""Metrics of the daemon for Prometheus, under names that begin with `rtaudio_`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..controls import Snapshot
from ..notifications import (
    ConnectionChanged,
    ConnectionState,
    DeviceState,
    ErrorReported,
    Interruption,
    ModelStatus,
    Notification,
    SpeechNoticed,
    TextSaid,
    ToolReported,
    TurnFinished,
    UsageReported,
)
from ..version import VERSION

COUNTS: Mapping[str, tuple[str, str]] = {
    "uplink_bytes": ("counter", "bytes of sound sent to the service"),
    "microphone_frames": ("counter", "frames recorded"),
    "microphone_frames_dropped": ("counter", "frames dropped because they were not read in time"),
    "microphone_frame_age_seconds": ("gauge", "time since the last recorded frame"),
    "gate_openings": ("counter", "how often the gate detected speech"),
    "speaker_underruns": ("counter", "gaps in playback"),
    "speaker_dropped_seconds": ("counter", "sound dropped because the queue was full"),
    "wire_frames_up": ("counter", "pieces of sound sent to the service"),
    "wire_frames_dropped": ("counter", "pieces of sound not sent: no session, or a slow network"),
    "wire_malformed": ("counter", "messages of the service that cannot be read"),
    "wire_unknown": ("counter", "messages of the service of an unknown type"),
    "reconnects": ("counter", "connections made because one was lost"),
    "wire_errors_repeated": ("counter", "errors of the service like one just reported"),
    "wire_late": ("counter", "pieces of interrupted answers that came late and were dropped"),
    "renewals": ("counter", "connections made because one was about to end"),
    "muted": ("gauge", "1 while muted"),
    "volume": ("gauge", "0 to 1"),
    "ducking": ("gauge", "1 while other programs are made softer"),
    "timers": ("gauge", "timers, alarms and reminders that are set"),
    "timers_ringing": ("gauge", "those of them that ring"),
    "timers_missed": ("gauge", "those that nobody heard, and that were not reported by voice yet"),
    "hook_runs": ("counter", "how often a hook was carried out, or tried to be"),
    "hook_failures": ("counter", "how often that failed, or took too long"),
    "hook_events_dropped": ("counter", "events dropped as a newer one came while a hook was busy"),
    "mqtt_connected": ("gauge", "1 while there is a connection to the MQTT broker"),
    "mqtt_losses": ("counter", "connections to the MQTT broker that were lost"),
    "mqtt_commands": ("counter", "commands that came over MQTT and were carried out"),
    "mqtt_refused": ("counter", "commands that came over MQTT and could not be carried out"),
    "mqtt_yielded": ("counter", "wake words that another daemon answered"),
}
"""The names in `Controls.counts`, with type and meaning."""
_LATENCIES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20)
_SHORT = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)
_TOOL = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120)
_TOOLS_MOST = 128  # how many names of tools are distinguished
_LAG_EVERY_S = 0.5


class Counted(Protocol):
    """Has counters and gauges."""

    def counts(self) -> Mapping[str, float]:
        """Return their present values, by name."""


class Daemon(Counted, Protocol):
    """Also has a state."""

    def snapshot(self) -> Snapshot:
        """Return the present state."""


class Metrics:
    """Counts notifications; at every scrape, queries the daemon and the HTTP API for the rest."""

    def __init__(self, daemon: Daemon, api: Counted) -> None:
        self._daemon = daemon
        self.registry = CollectorRegistry()
        self._clock = asyncio.get_running_loop().time
        self._renewals = 0

        def make(kind: Any, name: str, what: str, *labels: str, **more: Any) -> Any:
            return kind(f"rtaudio_{name}", what, labels, registry=self.registry, **more)

        self._status = make(Gauge, "status", "1 for the present status", "status")
        self._connection = make(Gauge, "connection", "1 for the present state", "state")
        self._device = make(Gauge, "device_state", "1 for the present state", "direction", "state")
        self._asleep = make(Gauge, "asleep", "1 while there is no session because none is needed")
        self._gap = make(
            Histogram, "connection_gap_seconds", "time without a session", "cause",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
        )  # fmt: skip
        self._speech = make(Counter, "speech", "starts and stops of speech", "phase", "source")
        self._turns = make(Counter, "turns", "finished answers", "status")
        self._latency = make(
            Histogram, "turn_latency_seconds", "from the end of speech", "stage", buckets=_LATENCIES
        )
        self._silence = make(
            Histogram, "interruption_seconds", "from the interruption to silence", buckets=_SHORT
        )
        self._tokens = make(Counter, "tokens", "tokens as the service reports them", "kind")
        self._tools: set[str] = set()
        self._calls = make(
            Histogram, "tool_seconds", "from a call to its outcome", "tool", "outcome",
            buckets=_TOOL,
        )  # fmt: skip
        self._seen = make(Counter, "tools_done", "whether it is as asked", "tool", "as_asked")
        self._said = make(Counter, "said", "what became of texts", "outcome", "audible")
        self._errors = make(Counter, "errors", "errors that were reported", "source")
        self._lag = make(
            Histogram, "loop_lag_seconds", "how late the event loop is", buckets=_SHORT
        )
        make(Gauge, "info", "the version", "version").labels(VERSION).set(1)
        self.registry.register(_Counts(daemon, COUNTS))
        self.registry.register(_Counts(api, HTTP_COUNTS))
        self.registry.register(_WakeWords(daemon))

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        now = self._daemon.snapshot()
        for status in ModelStatus:
            self._status.labels(str(status)).set(status is now.status)
        for state in ConnectionState:
            self._connection.labels(str(state)).set(state is now.connection.state)
        for direction, device in (("microphone", now.microphone), ("speaker", now.speaker)):
            for each in DeviceState:
                self._device.labels(direction, str(each)).set(each is device.state)
        self._asleep.set(now.connection.asleep)
        return generate_latest(self.registry)

    def notice(self, notification: Notification) -> None:
        """Count a notification."""
        match notification:
            case ConnectionChanged():
                self._notice_connection(notification)
            case SpeechNoticed(phase, source):
                self._speech.labels(phase, source).inc()
            case TurnFinished(_, status, latencies):
                self._turns.labels(status).inc()
                for name, ms in latencies.items():
                    self._latency.labels(name.removesuffix("_ms")).observe(ms / 1000)
            case Interruption(latency_ms=latency_ms):
                self._silence.observe(latency_ms / 1000)
            case UsageReported(usage=usage):
                for kind in ("input", "output"):
                    tokens = usage.get(f"{kind}_tokens")
                    if isinstance(tokens, int):
                        self._tokens.labels(kind).inc(tokens)
            case ToolReported(phase=phase) if phase != "started":
                tool = self._tool(notification)
                self._calls.labels(tool, phase).observe(notification.took_ms / 1000)
                if phase == "done":
                    self._seen.labels(tool, notification.as_asked).inc()
            case TextSaid(outcome=outcome, audible=audible):
                self._said.labels(outcome, audible).inc()
            case ErrorReported(source=source):
                self._errors.labels(source).inc()
            case _:
                pass

    async def watch_loop(self) -> None:
        """Measure the latency of the event loop, until cancelled."""
        while True:
            due = self._clock() + _LAG_EVERY_S
            await asyncio.sleep(_LAG_EVERY_S)
            self._lag.observe(max(0.0, self._clock() - due))

    def _tool(self, report: ToolReported) -> str:
        """Return the name of a tool as a label; names invented by the model share one label."""
        if not report.source:
            return "unknown"
        if len(self._tools) < _TOOLS_MOST:
            self._tools.add(report.tool)
        return report.tool if report.tool in self._tools else "other"

    def _notice_connection(self, notification: ConnectionChanged) -> None:
        if notification.state is ConnectionState.OPEN and notification.gap_ms is not None:
            cause = "renewal" if notification.renewals > self._renewals else "loss"
            self._gap.labels(cause).observe(notification.gap_ms / 1000)
        self._renewals = notification.renewals


HTTP_COUNTS: Mapping[str, tuple[str, str]] = {
    "subscribers": ("gauge", "subscribers of the events"),
    "subscribers_dropped": ("counter", "subscribers dropped because they did not read"),
    "requests_refused": ("counter", "requests refused for their host, origin or token"),
    "connections_closed": ("counter", "connections closed without a request, or above the limit"),
    "cost": ("counter", "money spent since the start, at the configured prices"),
    "cost_today": ("gauge", "money spent since midnight"),
    "uptime_seconds": ("gauge", "time since the start"),
}


class _WakeWords(Collector):
    """How often each wake word was heard, or nearly heard."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def describe(self) -> Iterator[Metric]:
        return iter(self._families())

    def collect(self) -> Iterator[Metric]:
        heard, near = self._families()
        for each in self._daemon.snapshot().wake_words:
            heard.add_metric([each["word"]], each["heard"])
            near.add_metric([each["word"]], each["near_misses"])
        return iter((heard, near))

    def _families(self) -> tuple[CounterMetricFamily, CounterMetricFamily]:
        return (
            CounterMetricFamily("rtaudio_wake_words", "wake words heard", labels=["word"]),
            CounterMetricFamily(
                "rtaudio_wake_near_misses",
                "sound that came near a wake word and was not taken for it",
                labels=["word"],
            ),
        )


class _Counts(Collector):
    """Reads its numbers from `source` at every scrape."""

    def __init__(self, source: Counted, known: Mapping[str, tuple[str, str]]) -> None:
        self._source = source
        self._known = known

    def describe(self) -> Iterator[Metric]:
        for name in self._known:
            yield self._family(name)

    def collect(self) -> Iterator[Metric]:
        for name, value in self._source.counts().items():
            family = self._family(name)
            family.add_metric([], value)
            yield family

    def _family(self, name: str) -> CounterMetricFamily | GaugeMetricFamily:
        kind, meaning = self._known[name]
        family = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
        return family(f"rtaudio_{name}", meaning)
