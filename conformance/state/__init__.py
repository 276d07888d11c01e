"""What the user's own runs have left in the user's own state: the only word on which a run folder is trusted."""
