"""Files that ``export`` puts beside a data set: short modules by which other trainers call this project's reward."""
