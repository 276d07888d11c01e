"""Belgian identifiers: their rules, fictitious ones, near misses."""
