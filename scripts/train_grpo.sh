#!/usr/bin/env bash
# Reinforcement with GRPO from an SFT checkpoint. Flags go through to `reinforcesight grpo`; later ones win.
#   scripts/train_grpo.sh --dataset datasets/spatial --model_path models/sft_ckpt --output models/grpo_ckpt
# Without thinking:  CONFIG=configs/grpo_config_no_thinking.yaml scripts/train_grpo.sh
# Several GPUs:      PROCESSES=2 scripts/train_grpo.sh --gradient_accumulation_steps 4
# Run it again after a kill or a power cut, and it goes on from the last good checkpoint.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${CONFIG:=configs/grpo_config.yaml}"
: "${PROCESSES:=1}"
: "${ACCELERATE_CONFIG:=configs/accelerate/ddp.yaml}"
if [ "$PROCESSES" -gt 1 ]; then
  exec accelerate launch --config_file "$ACCELERATE_CONFIG" --num_processes "$PROCESSES" \
    -m reinforcesight grpo --config "$CONFIG" "$@"
fi
exec python -m reinforcesight grpo --config "$CONFIG" "$@"
