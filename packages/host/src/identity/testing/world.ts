import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, codeOf, must, silentLogger, systemClock, systemRandom } from '@kraud/base';
import { type Host, openMemoryStore, type Store } from '@kraud/macro';
import { sampleHost } from '@kraud/macro/samples';
import {
  Authority,
  CloudMembership,
  IdentityFiles,
  JoinTokens,
  LocalIdentity,
  Members,
  type PeerAddress,
  type PeerLimits,
  peerLimits,
  serveJoins,
  TlsPeerListener,
  TlsPeerSessions,
} from '../index.ts';

export const sharedStore = { address: 'etcd://127.0.0.1:2379', key: 'the store’s key' };

/** One host of a test's cloud: what `daemon` wires, on loopback and in a directory of its own. */
export interface TestHost {
  readonly identity: LocalIdentity;
  readonly listener: TlsPeerListener;
  readonly sessions: TlsPeerSessions;
  readonly members: Members;
  readonly membership: CloudMembership;
  readonly authority: Authority;
  readonly files: IdentityFiles;
  readonly address: PeerAddress;
  readonly resource: Host;
}

/** Hosts of one cloud, in one process. */
export class TestHosts {
  readonly clock: Clock;
  readonly store: Store;
  readonly limits: PeerLimits;
  /** As the cloud's settings say. */
  lifeMs: number;
  readonly #dirs: string[] = [];
  readonly #endings: (() => Promise<void> | void)[] = [];

  constructor(options: { clock?: Clock; store?: Store; limits?: Partial<PeerLimits> } = {}) {
    this.clock = options.clock ?? systemClock;
    this.store = options.store ?? openMemoryStore({ clock: this.clock, random: systemRandom });
    this.limits = { ...peerLimits, ...options.limits };
    this.lifeMs = this.limits.certificateTtlMs;
  }

  files(): IdentityFiles {
    const dir = mkdtempSync(join(tmpdir(), 'kraud-identity-'));
    this.#dirs.push(dir);
    return new IdentityFiles(join(dir, 'identity'));
  }

  /** A port that was free may be taken the moment after: then it is tried again on another. */
  async start(name: string, files = this.files()): Promise<TestHost> {
    const { store, clock, limits } = this;
    const logger = silentLogger;
    const address = { ip: '127.0.0.1', port: await freePort() };
    const authority = await Authority.open({
      store,
      clock,
      limits,
      certificateTtlMs: () => this.lifeMs,
    });
    const members = new Members({ store, clock, logger });
    const identity = await LocalIdentity.open(name, address, {
      files,
      authority,
      members,
      clock,
      limits,
      logger,
    });
    const tokens = new JoinTokens({ store, clock, random: systemRandom, limits, authority });
    const listener = new TlsPeerListener({ identity, members, limits, logger });
    serveJoins(listener, { authority, identity, tokens, members, store: sharedStore, clock, limits, logger });
    try {
      await listener.listen(address);
    } catch (error) {
      if (codeOf(error) !== 'unavailable') throw error;
      return await this.start(name, files);
    }
    const sessions = new TlsPeerSessions({ identity, limits, clock, logger });
    const abort = new AbortController();
    const following = members.run(abort.signal);
    this.#endings.push(async () => {
      sessions.close();
      await listener.close();
      abort.abort();
      await following;
    });
    const membership = new CloudMembership({ authority, tokens, members, address });
    return {
      identity,
      listener,
      sessions,
      members,
      membership,
      authority,
      files,
      address,
      resource: resourceOf(name, address),
    };
  }

  async stop(): Promise<void> {
    for (const end of this.#endings.splice(0).reverse()) await end();
    await this.store.close();
    for (const dir of this.#dirs) rmSync(dir, { recursive: true, force: true });
  }
}

export function resourceOf(name: string, { ip, port }: PeerAddress): Host {
  return sampleHost(name, { address: `${ip}:${port}` });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = must(server.address(), 'it listens');
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' ? address.port : 0;
}
