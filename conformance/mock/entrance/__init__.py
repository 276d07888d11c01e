"""Who is let in to the local platform, and how long a connection may take."""
