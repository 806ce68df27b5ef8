"""Settings that SFT and GRPO share, and the arguments of TRL's config classes."""
