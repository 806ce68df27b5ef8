"""All English in one place: names of objects, numbers, noun phrases, claims, and how sentences are put together."""
