"""The project's own data files: YAML with line numbers, JSON Schemas of formats, suggestions."""
