"""English: object names, numbers, noun phrases, reading of claims, and composing of sentences."""
