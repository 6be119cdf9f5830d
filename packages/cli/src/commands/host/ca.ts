import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { KraudError, messageOf } from '@kraud/base';
import { askKra } from '../../kra-client.ts';
import type { Output } from './view.ts';

export interface CaOptions {
  rotate: boolean;
  caCert?: string;
  caKey?: string;
  detach: boolean;
}

interface Root {
  digest: string;
  cert: string;
}

interface CaView {
  root: Root | null;
  next: Root | null;
  hosts: { name: string; state: 'done' | 'behind' | 'away' }[];
}

const lookEveryMs = 500;

/** Prints the root; with `rotate` puts another in its place first, and says how far the hosts have come. */
export async function showCa(options: Output & CaOptions): Promise<void> {
  const { socket, json, rotate, detach } = options;
  const root = givenRoot(options);
  const look = (): Promise<CaView> => askKra<CaView>(socket, { method: 'GET', path: '/ca' });
  let seen = rotate
    ? await askKra<CaView>(socket, { method: 'POST', path: '/ca/rotate', body: root ? { root } : {} })
    : await look();
  let told = '';
  while (rotate && !detach && seen.next) {
    const line = progress(seen);
    if (line !== told) console.error(line);
    told = line;
    await sleep(lookEveryMs);
    seen = await look();
  }
  if (json) return console.log(JSON.stringify(seen));
  if (!seen.root)
    throw new KraudError('conflict', 'there is no CA: this host listens for no others (--listen)');
  if (rotate)
    console.error(seen.next ? 'The change goes on by itself; look at it with: kra host ca' : done(seen));
  else if (seen.next) console.error(progress(seen));
  console.log(seen.root.cert.trim());
}

function givenRoot({ rotate, caCert, caKey }: CaOptions): { cert: string; key: string } | undefined {
  if (caCert === undefined && caKey === undefined) return undefined;
  if (!rotate) throw new KraudError('invalid', '--ca-cert and --ca-key need --rotate');
  if (caCert === undefined || caKey === undefined) {
    throw new KraudError('invalid', '--ca-cert and --ca-key go together: there are no external CAs');
  }
  return { cert: read('--ca-cert', caCert), key: read('--ca-key', caKey) };
}

function read(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new KraudError('invalid', `${flag}: ${messageOf(error)}`, { cause: error });
  }
}

function progress({ hosts }: CaView): string {
  const behind = hosts.filter(({ state }) => state === 'behind').map(({ name }) => name);
  const done = hosts.filter(({ state }) => state === 'done').length;
  const rest = behind.length === 0 ? '' : `; waits for ${behind.join(', ')}`;
  return `${done} of ${hosts.length} hosts have followed${rest}`;
}

function done({ hosts }: CaView): string {
  const away = hosts.filter(({ state }) => state === 'away').map(({ name }) => name);
  const rest = away.length === 0 ? '' : `; ${away.join(', ')} will once back`;
  return `The root is replaced${rest}. Join tokens given before are good for nothing now.`;
}
