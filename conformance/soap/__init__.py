"""SOAP 1.1 messages with SAML Holder-of-Key security, bytes in and out. Must not open sockets nor judge a service."""
