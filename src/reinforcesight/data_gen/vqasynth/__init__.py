"""Make scenes from the masks, captions and depth of VQASynth; its questions and answers are not used."""
