#!/usr/bin/env bash
# The whole story on a laptop, without a download: training set, audit, SFT, GRPO, evaluation, report.
# A second call does only what is missing or has changed. Flags go through to `reinforcesight run`.
#
#   scripts/quickstart.sh
#   scripts/quickstart.sh --output runs/mine --until sft
set -euo pipefail
cd "$(dirname "$0")/.."
reinforcesight doctor
exec reinforcesight run --config configs/quickstart.yaml "$@"
