"""Pictures to verified spatial questions: sources, perception, questions, audit, data set."""
