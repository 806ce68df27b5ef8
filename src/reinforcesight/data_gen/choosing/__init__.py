"""Choose the questions: quotas by relation and answer, and a selection that meets them."""
