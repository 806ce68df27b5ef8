"""The embedded default model: a Qwen2.5-VL of a few million parameters that this project pretrains itself."""
