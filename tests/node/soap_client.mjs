// Calls a SOAP service with node's soap library and a Holder-of-Key security header, signed by xml-crypto.
// Usage: node soap_client.mjs WSDL ENDPOINT OPERATION REQUEST_JSON ASSERTION KEY_PEM [tamper]; prints the answer as JSON.
import { readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import soap from "soap";
import { SignedXml } from "xml-crypto";

const [wsdl, endpoint, operation, request, assertionFile, keyFile, tamper] = process.argv.slice(2);
const assertion = readFileSync(assertionFile, "utf8");
const assertionId = assertion.match(/AssertionID=["']([^"']+)["']/)[1];
const OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity";
const EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#";
const SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256";

class HolderOfKey {
  addHeaders() {}
  toXML() { return ""; }
  postProcess(xml, envelope) {
    const stamp = (moment) => moment.toISOString();
    const now = new Date();
    const created = stamp(now), expires = stamp(new Date(now.getTime() + 60_000));
    const security =
      `<wsse:Security xmlns:wsse="${OASIS}-secext-1.0.xsd" xmlns:wsu="${OASIS}-utility-1.0.xsd" ${envelope}:mustUnderstand="1">` +
      `<wsu:Timestamp wsu:Id="ts-${randomUUID()}"><wsu:Created>${created}</wsu:Created><wsu:Expires>${expires}</wsu:Expires></wsu:Timestamp>` +
      `${assertion}</wsse:Security>`;
    const header = `<${envelope}:Header>`;
    const secured = xml.includes(header)
      ? xml.replace(header, header + security)
      : xml.replace(`<${envelope}:Body`, `${header}${security}</${envelope}:Header><${envelope}:Body`);
    const signer = new SignedXml({
      idMode: "wssecurity", privateKey: readFileSync(keyFile, "utf8"), canonicalizationAlgorithm: EXCLUSIVE,
      signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    });
    signer.getKeyInfoContent = () =>
      `<wsse:SecurityTokenReference xmlns:wsse="${OASIS}-secext-1.0.xsd" xmlns:wsse11="http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"` +
      ` wsse11:TokenType="http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1">` +
      `<wsse:KeyIdentifier ValueType="http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0#SAMLAssertionID">${assertionId}</wsse:KeyIdentifier>` +
      `</wsse:SecurityTokenReference>`;
    for (const xpath of ["//*[local-name(.)='Body']", "//*[local-name(.)='Timestamp']"])
      signer.addReference({ xpath, transforms: [EXCLUSIVE], digestAlgorithm: SHA256 });
    signer.computeSignature(secured, {
      prefix: "ds", location: { reference: "//*[local-name(.)='Security']", action: "append" },
    });
    const signed = signer.getSignedXml();
    return tamper ? signed.replace(tamper, `${tamper}X`) : signed;
  }
}

const client = await soap.createClientAsync(wsdl, { endpoint, disableCache: true }, endpoint);
client.setSecurity(new HolderOfKey());
client.addHttpHeader("User-Agent", "node-soap/1.0 xml-crypto/6.0");
client.addHttpHeader("From", "nobody@example.org");
try {
  const [result] = await client[`${operation}Async`](JSON.parse(request));
  console.log(JSON.stringify({ result }));
} catch (error) {
  console.log(JSON.stringify({ status: error.response?.status, fault: error.root?.Envelope?.Body?.Fault, message: error.message.slice(0, 500) }));
}
