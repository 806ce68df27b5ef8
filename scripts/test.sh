#!/usr/bin/env bash
# The whole test suite in its own environment: the same as `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
exec make test
