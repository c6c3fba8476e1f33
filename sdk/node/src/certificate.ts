/**
 * A self-signed certificate, which Node can use and not make: RFC 5280 in DER, as far
 * as one needs it.
 */
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

const SEQUENCE = 0x30;
const SET = 0x31;

function der(tag: number, ...contents: Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const n = body.length; // written as short as it can be, or Go takes it for malformed
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");
const oid = (hex: string): Buffer => der(0x06, bytes(hex));
const text = (tag: number, value: string): Buffer => der(tag, Buffer.from(value));

const NAME = "localhost";
const ECDSA_WITH_SHA256 = der(SEQUENCE, oid("2a8648ce3d040302"));
const COMMON_NAME = oid("550403");
const BASIC_CONSTRAINTS = oid("551d13");
const SUBJECT_ALTERNATIVE_NAME = oid("551d11");
const TRUE = bytes("0101ff");

/** A key and its certificate, both in PEM, and the certificate in DER. */
export interface Certificate {
  key: Buffer;
  certificate: Buffer;
  der: Buffer;
}

/**
 * Makes a certificate for localhost that is good for thirty years, longer than any run
 * of a plugin. ECDSA on P-256 is what all gRPC stacks know.
 */
export function makeCertificate(now = Date.now()): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40; // positive, and without a leading zero
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, text(0x0c, NAME))));
  const alternative = der(SEQUENCE, text(0x82, NAME));
  const extensions = der(
    SEQUENCE,
    der(SEQUENCE, BASIC_CONSTRAINTS, TRUE, der(0x04, der(SEQUENCE, TRUE))), // critical; it is its own authority
    der(SEQUENCE, SUBJECT_ALTERNATIVE_NAME, der(0x04, alternative)),
  );
  const signed = der(
    SEQUENCE,
    der(0xa0, bytes("020102")), // version 3
    der(0x02, serial),
    ECDSA_WITH_SHA256,
    name,
    der(SEQUENCE, time(now - 60_000), time(now + 30 * 365 * 86_400_000)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, extensions),
  );
  const signature = sign("sha256", signed, privateKey);
  const made = der(SEQUENCE, signed, ECDSA_WITH_SHA256, der(0x03, bytes("00"), signature));
  const lines = made.toString("base64").replace(/.{64}/g, "$&\n");
  return {
    key: Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" })),
    certificate: Buffer.from(`-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`),
    der: made,
  };
}

/** Is a time as RFC 5280 section 4.1.2.5 wants it: with two digits of the year before 2050. */
function time(ms: number): Buffer {
  const digits = `${new Date(ms).toISOString().replace(/[-T:]/g, "").slice(0, 14)}Z`;
  return digits < "2050" ? text(0x17, digits.slice(2)) : text(0x18, digits);
}
