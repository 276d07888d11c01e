"""What `list` can list. Must load nothing: a shell that completes the word waits for it."""

TOPICS = ("services", "cases", "requirements", "errata", "faults", "runs")
