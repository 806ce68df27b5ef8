"""Which questions are asked: quotas by relation and answer, and the choice that meets them."""
