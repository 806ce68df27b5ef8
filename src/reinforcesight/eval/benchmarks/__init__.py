"""Benchmarks: CV-Bench, its neighbours, our own data sets, and other files, read into items."""
