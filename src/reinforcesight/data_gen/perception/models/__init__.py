"""Adapters of depth, grounding and segmentation models."""
