"""Evaluation: CV-Bench and data sets in its format, engines, statistics with intervals, report."""
