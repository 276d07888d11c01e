"""Spec folders into contracts and cases; roles bound to a WSDL."""
