"""One run: plan, session, case execution, search for counterexamples, known failures, events."""
