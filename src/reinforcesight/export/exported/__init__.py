"""Files that ``export`` adds to a data set: short modules through which other trainers call this project's reward."""
