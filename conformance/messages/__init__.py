"""A case's template, or a record, into the very request to send: REST, SOAP."""
