#!/usr/bin/env bash
# What there is of the story, on a laptop and without any download: a training data set, its audit, and a held-out
# benchmark in CV-Bench's columns. A second run finds everything done and takes seconds.
#
#   scripts/quickstart.sh [FOLDER]      default: runs/quickstart
set -euo pipefail
cd "$(dirname "$0")/.."
run="${1:-runs/quickstart}"
workers="$(python -c 'import os; print(min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))')"

echo "== this machine"
reinforcesight doctor

echo "== training data: rendered scenes, questions, reasoning"
reinforcesight generate --config configs/quickstart.yaml --output "$run/dataset" --workers "$workers"

echo "== audit"
reinforcesight audit "$run/dataset" --report "$run/audit.html" --quiet

echo "== held-out benchmark in CV-Bench's form"
reinforcesight generate --config configs/quickstart_benchmark.yaml --output "$run/held_out" --workers "$workers"
reinforcesight export --to cv-bench --dataset "$run/held_out" --output "$run/benchmark"

echo
echo "Open these in a browser:"
echo "  $run/dataset/gallery.html   pictures, questions, reasoning, what was rejected and why"
ls "$run"/audit.html 2>/dev/null | sed 's/$/   what the audit found/; s/^/  /' || true
