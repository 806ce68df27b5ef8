"""Evaluation: CV-Bench and data sets in its form, engines, statistics with intervals, report."""
