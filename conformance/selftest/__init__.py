"""The suites against seeded faults."""
