#!/usr/bin/env bash
# Make the training data set with the settings of configs/config.yaml; further flags win over the file.
# A second run of the same command goes on where the first one stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python -m reinforcesight generate --config configs/config.yaml "$@"
