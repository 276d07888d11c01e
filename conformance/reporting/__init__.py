"""Reports: what a run folder holds, in the forms that people and other tools read."""
