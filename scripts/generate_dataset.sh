#!/usr/bin/env bash
# Makes the training data set from LocalizedNarratives with the settings of configs/config.yaml; flags override them.
# CONFIG=configs/rendered.yaml uses rendered scenes, which need neither GPU nor network. The same command resumes an
# interrupted run.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python -m reinforcesight generate --config "${CONFIG:-configs/config.yaml}" "$@"
