"""What supervised fine-tuning and reinforcement share: checkpoints that survive kills, callbacks, curves."""
