"""Era 2's counters and reports for scripts that measure themselves."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from support.waiting import SOON

from sage_runtime.api import monitoring, monitoring_reports
from sage_runtime.api.monitoring import (
    MethodMetrics,
    MetricsCollector,
    PacketMetrics,
    ServicePerformanceMetrics,
    ServiceRequestMetrics,
)
from sage_runtime.api.monitoring_reports import RESOURCE_MONITOR_AVAILABLE, MetricsReporter, ResourceMonitor


class Clock:
    """A clock that a test sets, in place of `time.time`."""

    now = 1000.0

    def time(self) -> float:
        return self.now

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(monitoring, "time", clock)
    return clock


@pytest.fixture
def collector(clock: Clock) -> MetricsCollector:
    """After 4 seconds in which four packets took 1, 2, 3 and 4 ms, and the last one failed."""
    collector = MetricsCollector("task")
    for milliseconds in (1, 2, 3, 4):
        packet = collector.record_packet_start(packet_size=10)
        clock.now += milliseconds / 1000
        failed = milliseconds == 4
        collector.record_packet_end(packet, success=not failed, error_type="Broken" if failed else None)
    clock.now = 1004.0
    return collector


def test_counts_rates_and_latencies(collector: MetricsCollector) -> None:
    metrics = collector.get_real_time_metrics()
    assert (metrics.total_packets_processed, metrics.total_packets_failed) == (4, 1)
    assert metrics.error_breakdown == {"Broken": 1}
    assert (metrics.uptime, metrics.packets_per_second, metrics.last_minute_tps) == (4.0, 1.0, 4 / 60)
    assert metrics.min_latency == pytest.approx(1)
    assert metrics.p50_latency == metrics.avg_latency == pytest.approx(2.5)
    assert metrics.p99_latency == pytest.approx(3.97)
    assert metrics.to_dict()["latency"]["max_ms"] == pytest.approx(4)


def test_a_summary_and_a_new_beginning(collector: MetricsCollector) -> None:
    collector.record_packet_start("open")
    summary = collector.get_summary()
    assert (summary["success_rate"], summary["in_flight"], summary["samples_collected"]) == (0.75, 1, 4)
    collector.reset_metrics()
    assert collector.get_summary()["total_processed"] == 0
    assert collector.get_real_time_metrics().avg_latency == 0.0


def test_only_the_last_packets_are_kept_and_old_ones_can_be_left_out(clock: Clock) -> None:
    collector = MetricsCollector("task", window_size=2)
    for packet in "abc":
        collector.record_packet_start(packet)
        collector.record_packet_end(packet)
        clock.now += 10
    assert [kept.packet_id for kept in collector.get_metrics_history() if isinstance(kept, PacketMetrics)] == ["b", "c"]
    assert len(collector.get_metrics_history(timedelta(seconds=15))) == 1


def test_requests_are_kept_with_their_method_and_sizes(clock: Clock) -> None:
    collector = MetricsCollector("service")
    collector.record_packet_end(collector.record_packet_start("r", 5, "answer"), response_size=7)
    (request,) = collector.get_metrics_history()
    assert isinstance(request, ServiceRequestMetrics)
    assert (request.method_name, request.request_size, request.response_size) == ("answer", 5, 7)
    assert request.to_dict()["request_id"] == "r"


def test_without_detailed_tracking_packets_are_counted_only(clock: Clock) -> None:
    collector = MetricsCollector("task", enable_detailed_tracking=False)
    collector.record_packet_end(collector.record_packet_start())
    assert (collector.get_summary()["total_processed"], collector.get_metrics_history()) == (1, [])


def test_a_service_s_metrics_are_grouped_with_its_methods() -> None:
    metrics = ServicePerformanceMetrics("s", method_metrics={"m": MethodMetrics("m", 3)})
    grouped = metrics.to_dict()
    assert grouped["response_time"]["min_ms"] == 0.0
    assert grouped["methods"]["m"]["total_requests"] == 3


def test_reports_in_each_format(collector: MetricsCollector) -> None:
    reporter = MetricsReporter(collector)
    assert json.loads(reporter.generate_report())["total_packets_processed"] == 4
    assert 'sage_task_packets_failed_total{task="task"} 1' in reporter.generate_report("prometheus").splitlines()
    (row,) = csv.DictReader(io.StringIO(reporter.generate_report("csv")))
    assert (row["task_name"], row["total_processed"]) == ("task", "4")
    human = reporter.generate_report("human").splitlines()
    assert "Performance Report: task" in human
    assert {"  Success Rate: 75.00%", "  P50: 2.50", "  Broken: 1"} <= set(human)
    with pytest.raises(ValueError, match="Unsupported format: xml"):
        reporter.generate_report("xml")


def test_reports_come_by_themselves_until_they_are_stopped(collector: MetricsCollector) -> None:
    arrived = threading.Event()
    reporter = MetricsReporter(collector, report_interval=3600, report_callback=lambda report: arrived.set())
    reporter.start_reporting()
    reporter.start_reporting()
    assert arrived.wait(SOON)
    reporter.stop_reporting()
    reporter.stop_reporting()
    assert "MetricsReporter" not in {thread.name for thread in threading.enumerate()}


@pytest.fixture
def usage(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of psutil: a process that uses 1, 2, 3 … percent and as many megabytes."""

    class Process:
        percent = 0

        def cpu_percent(self, interval: float | None = None) -> float:
            self.percent += 1
            return float(self.percent)

        def memory_info(self) -> Process:
            self.rss = self.percent * 1024 * 1024
            return self

    monkeypatch.setattr(monitoring_reports, "import_module", lambda name: SimpleNamespace(Process=Process))


@pytest.mark.usefixtures("usage")
def test_samples_have_a_last_a_mean_and_a_peak() -> None:
    monitor = monitoring_reports._ResourceMonitor(sample_window=3)
    assert (monitor.get_average_usage(), monitor.get_peak_usage()) == ((0.0, 0.0), (0.0, 0.0))
    assert monitor.get_current_usage() == (1.0, 1.0)
    for _ in range(4):
        monitor._sample()
    assert monitor.get_current_usage() == (5.0, 5.0)
    assert monitor.get_average_usage() == (4.0, 4.0)
    assert monitor.get_peak_usage(60) == (5.0, 5.0)


def test_the_monitor_is_none_without_psutil() -> None:
    assert (ResourceMonitor is not None) == RESOURCE_MONITOR_AVAILABLE
