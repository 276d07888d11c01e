"""What a run proves its identity with: secrets by reference, key stores, access tokens. Must not judge answers."""
