"""Shared by SFT and GRPO: the run loop, data, adapters, validation, checkpoints, callbacks."""

import os

# TRL sends usage data unless this is set before huggingface_hub is imported.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# Tokenizer threads deadlock in forked data-loader workers.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
