"""A tiny I.AM Connect for the peers: it signs access tokens with RS256, reads them again and publishes its key.

An ``Issuer`` lives under the base URL of the peer that trusts it; ``Issuer.tokens`` makes one token for each role of a
target file. The claims have the shape of a Keycloak token: the roles under ``resource_access``, and a ``userProfile``
which holds the person's own SSIN, and for a parent the children, for a mandatary the mandators with their mandates.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

__all__ = ["CLIENT", "MANDATE", "MONITORING", "REST_ACCESS", "Caller", "Issuer", "People", "TokenRefusedError"]

CLIENT = "ehealth-exclusion-backend"
REST_ACCESS = "rest-access"
MONITORING = "monitoring"
MANDATE = "medicaldatamanagement"
REALM = "/auth/realms/healthcare"

Claims = dict[str, Any]


class TokenRefusedError(Exception):
    """A token does not hold; the kind is what is wrong with it, in one word."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class People:
    """Whose data the service holds, and who acts for the patient."""

    patient: str
    other_patient: str
    parent: str
    mandatary: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, by what the token says: the roles, the profile, and the patients the profile speaks for."""

    ssin: str
    profile: str
    roles: frozenset[str]
    patients: frozenset[str]

    @classmethod
    def of(cls, claims: Mapping[str, Any], mandates: Collection[str] = (MANDATE,)) -> Caller:
        """Read the claims; a mandatary speaks only for those whose mandate is of one of these types."""
        person = claims.get("userProfile") or {}
        ssin = str(person.get("ssin", ""))
        roles = frozenset(claims.get("resource_access", {}).get(CLIENT, {}).get("roles", ()))
        if "mandators" in person:
            given = [one for one in person["mandators"] if not set(mandates).isdisjoint(one["serviceNames"])]
            return cls(ssin, "mandatary", roles, frozenset(one["ssin"] for one in given))
        if "children" in person:
            return cls(ssin, "parent", roles, frozenset(child["ssin"] for child in person["children"]))
        return cls(ssin, "patient" if ssin else "machine", roles, frozenset([ssin] if ssin else []))


@functools.cache
def _key() -> RSAPrivateKey:
    """Make the one key of this process."""
    return generate_private_key(65537, 2048)


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _encode_json(document: object) -> str:
    return _encode(json.dumps(document, separators=(",", ":")).encode("utf-8"))


def _encode_number(number: int) -> str:
    return _encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _decode_json(text: str) -> dict[str, Any]:
    try:
        document = json.loads(_decode(text))
    except (ValueError, RecursionError) as error:
        raise TokenRefusedError("malformed") from error
    if not isinstance(document, dict):
        raise TokenRefusedError("malformed")
    return document


class Issuer:
    """An issuer of tokens, known by the URL of its realm."""

    key_id = "peer-1"

    def __init__(self, origin: str = "http://127.0.0.1") -> None:
        self.url = origin + REALM

    @property
    def jwks_url(self) -> str:
        """Give the address of the public keys."""
        return f"{self.url}/protocol/openid-connect/certs"

    def document(self, path: str) -> dict[str, Any] | None:
        """Give the discovery document or the keys, where the path is theirs."""
        if path == f"{REALM}/protocol/openid-connect/certs":
            numbers = _key().public_key().public_numbers()
            key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.key_id}
            return {"keys": [{**key, "n": _encode_number(numbers.n), "e": _encode_number(numbers.e)}]}
        if path == f"{REALM}/.well-known/openid-configuration":
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/protocol/openid-connect/auth",
                "token_endpoint": f"{self.url}/protocol/openid-connect/token",
                "jwks_uri": self.jwks_url,
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        return None

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Make a token of claims."""
        head = _encode_json({"alg": "RS256", "typ": "JWT", "kid": self.key_id})
        signed = f"{head}.{_encode_json(claims)}"
        return f"{signed}.{_encode(_key().sign(signed.encode('ascii'), PKCS1v15(), SHA256()))}"

    def read(self, token: str, overlook: Collection[str] = ()) -> Claims:
        """Verify a token and give its claims; some of what may be wrong with it can be overlooked."""
        parts = token.split(".")
        if len(parts) != 3 or not token.isascii():
            raise TokenRefusedError("malformed")
        header, claims = _decode_json(parts[0]), _decode_json(parts[1])
        problems = [self._signature_problem(header, parts), self._claims_problem(claims)]
        for problem in problems:
            if problem and problem not in overlook:
                raise TokenRefusedError(problem)
        return claims

    @staticmethod
    def peek(token: str) -> Claims:
        """Give the claims of a token without verifying it, and none where it has none."""
        try:
            return _decode_json(token.split(".")[1])
        except (IndexError, TokenRefusedError):
            return {}

    def _signature_problem(self, header: Mapping[str, Any], parts: list[str]) -> str:
        algorithm = header.get("alg")
        if algorithm != "RS256":
            return "unsigned" if str(algorithm).lower() == "none" else "algorithm"
        if header.get("kid", self.key_id) != self.key_id:
            return "signature"
        try:
            signed = f"{parts[0]}.{parts[1]}".encode("ascii")
            _key().public_key().verify(_decode(parts[2]), signed, PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error):
            return "signature"
        return ""

    def _claims_problem(self, claims: Mapping[str, Any]) -> str:
        if claims.get("iss") != self.url:
            return "issuer"
        ends = claims.get("exp")
        if isinstance(ends, bool) or not isinstance(ends, int | float):
            return "malformed"
        return "expired" if ends <= time.time() else ""

    def tokens(self, people: People, style: str = "plain") -> dict[str, str]:
        """Make a token for every role of a target file; the styles are plain, lean and rich."""
        child = {"ssin": people.patient, "firstName": "Nele", "lastName": "Voorbeeld"}

        def mandators(mandate: str) -> dict[str, Any]:
            return {"mandators": [{"ssin": people.patient, "serviceNames": [mandate]}]}

        profiles: dict[str, tuple[str, str, dict[str, Any]]] = {
            "citizen": (people.patient, REST_ACCESS, {}),
            "parent": (people.parent, REST_ACCESS, {"children": [child]}),
            "mandatary": (people.mandatary, REST_ACCESS, mandators(MANDATE)),
            "mandatary_wrong_type": (people.mandatary, REST_ACCESS, mandators("reimbursement")),
            "without_role": (people.patient, "", {}),
            "expired": (people.patient, REST_ACCESS, {}),
            "other_citizen": (people.other_patient, REST_ACCESS, {}),
            "monitoring": ("", MONITORING, {}),
        }
        made = {}
        for name, (ssin, role, more) in profiles.items():
            issued = int(time.time()) - (7200 if name == "expired" else 60)
            claims = self._claims(name, role, issued, style)
            if ssin:
                names = {"firstName": name.partition("_")[0].capitalize(), "lastName": "Voorbeeld"}
                claims["userProfile"] = {"ssin": ssin, **names, **more}
                if style != "lean":
                    claims |= {"ssin": ssin, "given_name": names["firstName"], "family_name": names["lastName"]}
            made[name] = self.sign(claims)
        return made

    def _claims(self, name: str, role: str, issued: int, style: str) -> Claims:
        access: dict[str, Any] = {CLIENT: {"roles": [role]}} if role else {}
        claims: Claims = {"iss": self.url, "iat": issued, "exp": issued + 3660, "resource_access": access}
        if name == "expired":
            claims["exp"] = issued + 3600
        if style == "lean":
            return claims
        subject = f"f:peer:{name}"
        claims |= {"typ": "Bearer", "sub": subject, "azp": "peer-client", "aud": [CLIENT, "account"], "locale": "nl"}
        claims |= {"jti": str(uuid.uuid4()), "sid": str(uuid.uuid4()), "auth_time": issued, "scope": "openid profile"}
        claims["preferred_username"] = name
        if style == "rich":
            access["account"] = {"roles": ["view-profile"]}
            access["ehealth-consent-backend"] = {"roles": [REST_ACCESS, "reader"]}
            if role:
                access[CLIENT]["roles"] = ["offline", role, "uma_authorization"]
            claims |= {"acr": "400", "allowed-origins": ["https://www.example.org"], "nbf": 0}
        return claims
