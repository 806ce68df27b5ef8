"""Rewards and training with GRPO (group relative policy optimisation)."""
