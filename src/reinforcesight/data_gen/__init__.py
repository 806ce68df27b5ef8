"""Make verified spatial questions from pictures: sources, perception, questions, audit, data set."""
