"""ReinforceSight: verified qualitative spatial questions, VLM fine-tuning on them, and CV-Bench evaluation."""

__version__ = "0.1.0"
