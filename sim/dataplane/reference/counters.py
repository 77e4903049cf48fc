"""Counters and histograms: memory does not grow with the number of requests."""

from __future__ import annotations

import math

import numpy as np

from sim.dataplane.arithmetic import latency_bin
from sim.dataplane.codes import LATENCY_BINS, Outcome
from sim.dataplane.profile import Workload
from sim.dataplane.tables import (
    ARRIVED,
    FIRST_CAUSE,
    IN_SLO,
    JOB_COLUMNS,
    REQUEST_COLUMNS,
    SUCCEEDED,
    Recording,
)


class Counters:
    """Counts per time bucket. Requests by the bucket in which they arrived."""

    def __init__(self, work: Workload) -> None:
        self.bucket_s, self.slo_s = work.bucket_s, work.client.slo_s
        self.buckets = max(1, math.ceil(work.horizon_s / work.bucket_s))
        self.endpoints = np.zeros((len(work.mix), REQUEST_COLUMNS), np.int64)
        self.endpoint_latency = np.zeros((len(work.mix), LATENCY_BINS), np.int64)
        self.requests = [0] * (self.buckets * REQUEST_COLUMNS)
        self.jobs = [0] * (self.buckets * JOB_COLUMNS)
        self.refused = [0] * self.buckets
        self.latency = [0] * LATENCY_BINS
        self.latency_sum = [0.0] * self.buckets
        self.latency_max = 0.0
        self.arrivals = self.successes = self.failures = self.refusals = 0

    def bucket(self, t: float) -> int:
        return min(int(t / self.bucket_s), self.buckets - 1)

    def arrived(self, t: float, way: int) -> None:
        self.arrivals += 1
        self.requests[self.bucket(t) * REQUEST_COLUMNS + ARRIVED] += 1
        self.count(way, ARRIVED)

    def count(self, way: int, column: int) -> None:
        if len(self.endpoints):
            self.endpoints[way, column] += 1

    def ended(self, arrived_s: float, outcome: int, now: float, way: int) -> None:
        at = self.bucket(arrived_s)
        row = at * REQUEST_COLUMNS
        if outcome != Outcome.SUCCEEDED:
            self.failures += 1
            self.requests[row + FIRST_CAUSE + outcome - Outcome.REFUSED] += 1
            self.count(way, FIRST_CAUSE + outcome - Outcome.REFUSED)
            return
        latency = now - arrived_s
        self.successes += 1
        self.requests[row + SUCCEEDED] += 1
        self.count(way, SUCCEEDED)
        if latency <= self.slo_s:
            self.requests[row + IN_SLO] += 1
            self.count(way, IN_SLO)
        self.latency[latency_bin(latency)] += 1
        if len(self.endpoints):
            self.endpoint_latency[way, latency_bin(latency)] += 1
        self.latency_sum[at] += latency
        self.latency_max = max(self.latency_max, latency)

    def job(self, column: int, t: float) -> None:
        self.jobs[self.bucket(t) * JOB_COLUMNS + column] += 1

    def connection_refused(self, t: float) -> None:
        self.refusals += 1
        self.refused[self.bucket(t)] += 1

    def recording(self) -> Recording:
        return Recording(
            self.bucket_s,
            np.array(self.requests, np.int64).reshape(self.buckets, REQUEST_COLUMNS),
            np.array(self.jobs, np.int64).reshape(self.buckets, JOB_COLUMNS),
            np.array(self.refused, np.int64),
            np.array(self.latency, np.int64),
            np.array(self.latency_sum, np.float64),
            self.latency_max,
            self.endpoints,
            self.endpoint_latency,
        )
