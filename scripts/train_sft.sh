#!/usr/bin/env bash
# Supervised fine-tuning. Flags go through to `reinforcesight sft`; later ones win.
#   scripts/train_sft.sh --dataset datasets/spatial --output models/sft_ckpt
# A 24 GB GPU:   CONFIG=configs/sft_config_24gb.yaml scripts/train_sft.sh
# Several GPUs:  PROCESSES=2 scripts/train_sft.sh
#                ACCELERATE_CONFIG=configs/accelerate/fsdp2.yaml PROCESSES=2 scripts/train_sft.sh --tuning full
# Run it again after a kill or a power cut, and it goes on from the last good checkpoint.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${CONFIG:=configs/sft_config.yaml}"
: "${PROCESSES:=1}"
: "${ACCELERATE_CONFIG:=configs/accelerate/ddp.yaml}"
if [ "$PROCESSES" -gt 1 ]; then
  exec accelerate launch --config_file "$ACCELERATE_CONFIG" --num_processes "$PROCESSES" \
    -m reinforcesight sft --config "$CONFIG" "$@"
fi
exec python -m reinforcesight sft --config "$CONFIG" "$@"
