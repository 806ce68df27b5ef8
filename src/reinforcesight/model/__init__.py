"""Loading models and processors, chat format, generation, ``ask``, model cards, and the embedded model nano."""
