"""``python -m data_gen.vqasynth_wrapper`` from the repository root: VQASynth in an environment of its own."""

from reinforcesight.data_gen.vqasynth.wrapper import main

if __name__ == "__main__":
    main()
