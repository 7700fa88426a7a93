"""One property of a folder per file: its statistic, its null, and the bar with its source."""
