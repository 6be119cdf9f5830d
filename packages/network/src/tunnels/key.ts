import { createPrivateKey, createPublicKey, hkdfSync } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isErrno, KraudError, type Random } from '@kraud/base';

/** A Curve25519 key pair in WireGuard's form: 32 bytes, base64. */
export interface TunnelKey {
  readonly private: string;
  readonly public: string;
}

const keyBytes = 32;
/** What stands before the 32 bytes of a private X25519 key in PKCS #8. */
const pkcs8Head = Buffer.from('302e020100300506032b656e04220420', 'hex');

/**
 * This host's keys, one for each tenant, so that what is meant for one tenant's VPC opens in no other. All come from
 * one secret, made once and kept in a file that only root may read.
 */
export class TunnelKeys {
  readonly #secret: Buffer;

  constructor(secret: Buffer) {
    this.#secret = secret;
  }

  /** Reads the secret, or makes it. `corrupt` when the file holds something else. */
  static open(path: string, random: Random): TunnelKeys {
    return new TunnelKeys(readSecret(path) ?? makeSecret(path, random));
  }

  of(tenant: string): TunnelKey {
    const raw = Buffer.from(hkdfSync('sha256', this.#secret, '', `kraud tunnel ${tenant}`, keyBytes));
    clamp(raw);
    const key = createPrivateKey({ key: Buffer.concat([pkcs8Head, raw]), format: 'der', type: 'pkcs8' });
    const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
    return { private: raw.toString('base64'), public: spki.subarray(-keyBytes).toString('base64') };
  }
}

/** As every user of such a key does before use: both sides then show the same bytes. */
function clamp(key: Buffer): void {
  key.writeUInt8(key.readUInt8(0) & 248, 0);
  key.writeUInt8((key.readUInt8(31) & 127) | 64, 31);
}

function readSecret(path: string): Buffer | undefined {
  try {
    const secret = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64');
    if (secret.length === keyBytes) return secret;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  throw new KraudError('corrupt', `${path} is not a tunnel secret; without it, a new one is made`);
}

function makeSecret(path: string, random: Random): Buffer {
  const secret = random.bytes(keyBytes);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, `${secret.toString('base64')}\n`, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
  return secret;
}
