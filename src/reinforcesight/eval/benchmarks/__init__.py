"""Read benchmarks into items: CV-Bench, other spatial benchmarks, data sets made by ``generate``, and other files."""
