"""WS-Security, SAML, certificates, and mutations of a signed message."""
