"""What can be read of a damaged answer, and what can be said of it in spite of what was lost."""
