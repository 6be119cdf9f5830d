import { createPrivateKey, X509Certificate } from 'node:crypto';
import { KraudError } from '@kraud/base';
import { formatAddress, type PeerAddress } from './address.ts';
import { ask } from './ask.ts';
import type { IdentityFiles, SavedIdentity } from './files.ts';
import { authorityPath, faultOf, joinPath, parseJoinReply } from './join-wire.ts';
import { certificatesOf, digestOf, makeRequest, nameOf } from './key.ts';
import type { PeerLimits } from './limits.ts';
import { parseToken } from './token.ts';

/** `TOKEN@ADDRESS:PORT`, as `kra host join-token` prints it. */
export interface Invitation {
  readonly token: string;
  /** Where a host of the cloud listens, `ip:port` or `name:port`. */
  readonly address: string;
}

/** Joins a cloud by any of its hosts, and writes down who we are in it from now on. */
export async function joinCloud(
  invitation: Invitation,
  self: { name: string; listen: PeerAddress },
  parts: { files: IdentityFiles; limits: PeerLimits },
): Promise<SavedIdentity> {
  const saved = await redeem(invitation, self, parts);
  await parts.files.save(saved);
  return saved;
}

/**
 * Asks a cloud, by any of its hosts, to let this one in; answers who we are in it once that is saved. The key never
 * leaves this host; the token goes to nobody but the cloud whose CA it pins. May be repeated after any failure.
 */
export async function redeem(
  invitation: Invitation,
  self: { name: string; listen: PeerAddress },
  parts: { files: IdentityFiles; limits: PeerLimits },
): Promise<SavedIdentity> {
  const { files, limits } = parts;
  const { token, address } = invitation;
  const bounds = { timeoutMs: limits.joinTimeoutMs, bytesMax: limits.joinBodyBytesMax };
  const ca = await pinnedAuthority(invitation, bounds);
  const key = await files.key();
  const request = await makeRequest(self.name, key);
  const listen = formatAddress(self.listen);
  const body = JSON.stringify({ token, name: self.name, address: listen, request });
  // Any host of the cloud may answer; all have their certificates of this CA.
  const tls = { ca, checkServerIdentity: () => undefined };
  const { status, text } = await ask(address, tls, { method: 'POST', path: joinPath, body }, bounds);
  if (status !== 200) throw faultOf(text);
  const reply = parseJoinReply(text);
  const cert = new X509Certificate(reply.cert);
  const ours = cert.checkPrivateKey(createPrivateKey(key)) && nameOf(cert) === self.name;
  const roots = certificatesOf(reply.ca).map((pem) => new X509Certificate(pem));
  if (!ours || !roots.some(({ publicKey }) => cert.verify(publicKey))) {
    throw new KraudError('corrupt', `the host at ${address} gave a certificate that is not ours`);
  }
  return {
    name: self.name,
    listen,
    cert: reply.cert,
    ca: reply.ca,
    cloud: reply.cloud ?? digestOf(ca),
    pinned: digestOf(ca),
    store: reply.store,
    arrival: { manager: reply.role === 'manager', cordoned: false, drained: false },
  };
}

/** The CA's certificate, which anyone may see; nobody is trusted before it has the digest that the token pins. */
async function pinnedAuthority(
  { token, address }: Invitation,
  bounds: { timeoutMs: number; bytesMax: number },
): Promise<string> {
  const { authority } = parseToken(token);
  const { text: ca } = await ask(
    address,
    { rejectUnauthorized: false },
    { method: 'GET', path: authorityPath },
    bounds,
  );
  if (safeDigest(ca) === authority) return ca;
  throw new KraudError(
    'unauthenticated',
    `remote CA does not match fingerprint: the host at ${address} is not of the cloud that made this join token; nothing was sent to it`,
  );
}

function safeDigest(ca: string): string | undefined {
  try {
    return digestOf(ca);
  } catch {
    return undefined;
  }
}
