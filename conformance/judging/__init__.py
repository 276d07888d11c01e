"""Where problems meet requirements: answers of a REST service, answers of a SOAP service."""
