"""Forwards ``python -m data_gen.generate_dataset`` to the installed package."""
