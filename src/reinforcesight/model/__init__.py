"""Models: loading, processor, chat format, asking, model card; and the embedded nano."""
