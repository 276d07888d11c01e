// Verifies every signature of a SOAP message with xml-crypto.
// Usage: node verify_signature.mjs MESSAGE CERTIFICATE ASSERTION_CERTIFICATE; prints as JSON what each signature covers.
import { readFileSync } from "node:fs";
import { SignedXml } from "xml-crypto";
import { DOMParser } from "@xmldom/xmldom";

const [message, holder, issuer] = process.argv.slice(2).map((name) => readFileSync(name, "utf8"));
const document = new DOMParser().parseFromString(message, "text/xml");
const found = Array.from(document.getElementsByTagNameNS("http://www.w3.org/2000/09/xmldsig#", "Signature"));
const results = found.map((signature) => {
  const inAssertion = signature.parentNode.localName === "Assertion";
  const signed = new SignedXml({
    publicCert: inAssertion ? issuer : holder, getCertFromKeyInfo: () => null,
    idMode: inAssertion ? undefined : "wssecurity", idAttribute: inAssertion ? "AssertionID" : undefined,
  });
  signed.loadSignature(signature);
  const valid = signed.checkSignature(message);
  return { parent: signature.parentNode.localName, valid, covered: signed.getSignedReferences().map((xml) => xml.match(/<(?:[\w-]+:)?(\w+)/)[1]) };
});
console.log(JSON.stringify(results));
