#!/usr/bin/env bash
# Make the training data set from LocalizedNarratives, with the settings of configs/config.yaml; further flags win over
# the file. CONFIG=configs/rendered.yaml takes rendered scenes instead, which need neither a GPU nor a network.
# A second run of the same command goes on where the first one stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python -m reinforcesight generate --config "${CONFIG:-configs/config.yaml}" "$@"
