"""``python -m data_gen.vqasynth_wrapper`` from the repository root: VQASynth in a separate environment."""

from reinforcesight.data_gen.vqasynth.wrapper import vqasynth_wrapper

if __name__ == "__main__":
    vqasynth_wrapper()
