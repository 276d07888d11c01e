"""WSDL and XML Schema: read into types, from which valid messages are built and drawn."""
