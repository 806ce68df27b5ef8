"""How a sentence is read: its mentions, its tags, and the patterns that find claims in them. See docs/claims.md."""
