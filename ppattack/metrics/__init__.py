"""Metrics: one a file. Importing this package costs nothing; the metrics themselves need torch."""

from ppattack.metrics.table import IMAGE_METRICS, OTHER_METRICS, MetricCard

__all__ = ["IMAGE_METRICS", "OTHER_METRICS", "MetricCard"]
