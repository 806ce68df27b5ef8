"""Adapters for depth, grounding and segmentation models."""
