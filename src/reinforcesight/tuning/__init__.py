"""What SFT and GRPO share: the run loop, data, adapters, validation, checkpoints, callbacks."""
