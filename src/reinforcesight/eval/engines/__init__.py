"""Engines that answer requests: transformers, vLLM, a server, and a replay of logged answers."""
