"""The suites: one file a service; their cases are data below `specs/`."""
