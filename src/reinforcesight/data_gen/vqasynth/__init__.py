"""What VQASynth saw, without its labels."""
