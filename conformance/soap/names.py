"""The namespaces and algorithm names that SOAP 1.1, WS-Security, WS-Trust and SAML 1.1 fix, each with its source."""

from typing import Final

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
"""SOAP 1.1, section 3."""
SOAP12: Final = "http://www.w3.org/2003/05/soap-envelope"
"""SOAP 1.2 Part 1, section 5; not what the platform speaks."""
WSDL: Final = "http://schemas.xmlsoap.org/wsdl/"
XSD: Final = "http://www.w3.org/2001/XMLSchema"
XML: Final = "http://www.w3.org/XML/1998/namespace"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
"""XML Signature Syntax and Processing."""
DS11: Final = "http://www.w3.org/2009/xmldsig11#"
"""XML Signature 1.1: EC keys, keys in DER, digests of certificates."""
DS_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
"""RFC 4051 and RFC 4050: more algorithms, and EC keys before XML Signature 1.1."""
WSSE: Final = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
)
WSU: Final = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
)
WSSE11: Final = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
"""WS-Security 1.1: TokenType on a SecurityTokenReference."""
SAML: Final = "urn:oasis:names:tc:SAML:1.0:assertion"
"""SAML 1.1 assertions keep the namespace of 1.0 (SAML 1.1 core, section 1.2)."""
WST: Final = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
"""WS-Trust 1.3."""
AUTH: Final = "http://docs.oasis-open.org/wsfed/authorization/200706"
"""WS-Federation 1.2, section 9: the claims of a token request."""

DS_MORE07: Final = "http://www.w3.org/2007/05/xmldsig-more#"
"""RFC 6931: RSASSA-PSS."""
SAML2: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
"""SAML 2.0, which the platform's services do not take."""
XENC: Final = "http://www.w3.org/2001/04/xmlenc#"
"""XML Encryption."""

SAML_TOKEN: Final = (
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1"  # noqa: S105 - a name
)
SAML_ASSERTION_ID: Final = (
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0#SAMLAssertionID"
)
"""SAML Token Profile 1.1, section 3.3: how a KeyIdentifier names an assertion."""
X509_TOKEN: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"  # noqa: S105
BASE64: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
HOLDER_OF_KEY: Final = "urn:oasis:names:tc:SAML:1.0:cm:holder-of-key"
X509_SUBJECT: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"

EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
"""Exclusive XML Canonicalization 1.0."""
INCLUSIVE: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
"""Canonical XML 1.0, which takes the namespaces and xml: attributes of all that stands around."""
INCLUSIVE11: Final = "http://www.w3.org/2006/12/xml-c14n11"
"""Canonical XML 1.1."""
WITH_COMMENTS: Final = "WithComments"
"""Ends the name of exclusive canonicalisation that keeps comments; of the inclusive ones with a # before it."""
ENVELOPED: Final = f"{DS}enveloped-signature"
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"

ERRORS: Final = "urn:be:fgov:ehealth:errors:soa:v1"
"""Namespace of the errors that the platform puts into the detail of a fault."""
IDENTIFICATION: Final = "urn:be:fgov:identification-namespace"
"""Namespace of the attributes that a caller asserts of itself in a token request."""
CERTIFIED: Final = "urn:be:fgov:certified-namespace:ehealth"
"""Namespace of the attributes that the platform certifies."""
