#!/usr/bin/env bash
# Evaluate a checkpoint. Flags are passed to `reinforcesight evaluate`; later ones win.
#   scripts/evaluate.sh --model_path models/grpo_ckpt --output reports/results.json
# Several GPUs, one copy of the model each: PROCESSES=4 scripts/evaluate.sh ...
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PROCESSES:=1}"
if [ "$PROCESSES" -gt 1 ]; then
  exec accelerate launch --num_processes "$PROCESSES" -m reinforcesight evaluate --config configs/eval_config.yaml "$@"
fi
exec python -m reinforcesight evaluate --config configs/eval_config.yaml "$@"
