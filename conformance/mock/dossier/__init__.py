"""Who calls DossierNumberGeneration on the local platform, what it demands of them, and what it may overlook."""
