"""A report of many videos as one HTML file."""

from sklearn_m3s.report._make_report import make_report

__all__ = ["make_report"]
