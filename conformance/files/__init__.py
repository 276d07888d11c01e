"""Files from anywhere: read with a limit, and only where they are files."""
