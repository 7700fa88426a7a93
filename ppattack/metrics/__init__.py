"""Metrics, one per file. Importing this package is cheap; the metrics themselves need torch."""

from ppattack.metrics.table import IMAGE_METRICS, OTHER_METRICS, MetricCard

__all__ = ["IMAGE_METRICS", "OTHER_METRICS", "MetricCard"]
