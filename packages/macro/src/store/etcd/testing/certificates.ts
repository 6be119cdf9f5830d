import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TlsFiles } from './member.ts';

/** A certificate authority for a test, and certificates by it for 127.0.0.1, made by openssl in `dir`. */
export class TestCa {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    this.#openssl('req', '-x509', ...newKey('ca.key'), '-out', 'ca.pem', '-days', '30', '-subj', '/CN=test');
  }

  issue(name: string): TlsFiles {
    this.#openssl('req', ...newKey(`${name}.key`), '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(
      join(this.#dir, 'ext'),
      'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n',
    );
    const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'ext', '-days', '30'];
    this.#openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signer);
    const path = (file: string): string => join(this.#dir, file);
    return { ca: path('ca.pem'), cert: path(`${name}.pem`), key: path(`${name}.key`) };
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.#dir, stdio: 'pipe' });
  }
}

function newKey(file: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file];
}
