import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { must, silentLogger, systemClock, systemRandom } from '@kraud/base';
import { Cluster } from '../cluster.ts';
import type { EtcdTls } from '../endpoint.ts';
import { EtcdStore } from '../etcd-store.ts';
import { type EtcdLimits, etcdLimits } from '../limits.ts';
import { rpcs } from '../rpcs.ts';
import { CutProxy, type Link } from './cut-proxy.ts';
import { Member, type TlsFiles } from './member.ts';
import { SlowDisk } from './slow-disk.ts';
import { buildLauncher, WallClock } from './wall-clock.ts';

export interface TestEtcdOptions {
  /** Default 1. */
  readonly members?: number;
  /** Whether a write waits for the disk; default false. Tests that kill need it. */
  readonly durable?: boolean;
  /** Whether the members reach each other through proxies that can be cut. */
  readonly partitions?: boolean;
  /** Whether each has a disk of its own that can be made slow, where the machine offers that. */
  readonly slowDisks?: boolean;
  /** Whether each has a wall clock of its own that can be set. */
  readonly clocks?: boolean;
  readonly tls?: { readonly server: TlsFiles; readonly client: EtcdTls };
}

const startTimeoutMs = 120_000;
const startTries = 5;

/** An etcd cluster of its own on loopback: free ports, a directory that goes with it, no service. */
export class TestEtcd implements AsyncDisposable {
  readonly members: readonly Member[];
  readonly #dir: string;
  readonly #proxies: readonly CutProxy[];
  readonly #tls: EtcdTls | undefined;
  #stores = 0;

  private constructor(
    dir: string,
    members: readonly Member[],
    proxies: readonly CutProxy[],
    tls: EtcdTls | undefined,
  ) {
    this.#dir = dir;
    this.members = members;
    this.#proxies = proxies;
    this.#tls = tls;
  }

  /** A port that was free may be taken by another the moment after: then everything is tried again elsewhere. */
  static async start(options: TestEtcdOptions = {}): Promise<TestEtcd> {
    for (let tries = 1; ; tries += 1) {
      const etcd = await TestEtcd.#make(options);
      try {
        for (const member of etcd.members) member.start();
        for (const member of etcd.members) await etcd.answers(member);
        return etcd;
      } catch (error) {
        const lost = etcd.members.some((member) => /address already in use/.test(member.log()));
        await etcd[Symbol.asyncDispose]();
        if (!lost || tries === startTries) throw error;
      }
    }
  }

  static async #make(options: TestEtcdOptions): Promise<TestEtcd> {
    const dir = mkdtempSync(join(tmpdir(), 'kraud-etcd-'));
    const names = Array.from({ length: options.members ?? 1 }, (_, i) => `m${i + 1}`);
    const ports = await freePorts(names.length * 2);
    const proxies = options.partitions
      ? await Promise.all(names.map((_, i) => CutProxy.start(must(ports[i], 'no port'))))
      : [];
    const peerPort = (i: number): number => must(ports[i], 'no port');
    const advertised = (i: number): number => proxies[i]?.port ?? peerPort(i);
    const initialCluster = names.map((name, i) => `${name}=http://127.0.0.1:${advertised(i)}`).join(',');
    const launcher = options.clocks ? buildLauncher(dir) : undefined;
    const members = names.map(
      (name, i) =>
        new Member({
          name,
          dir: join(dir, name),
          clientPort: must(ports[names.length + i], 'no port'),
          peerPort: peerPort(i),
          advertisedPeerPort: advertised(i),
          initialCluster,
          durable: options.durable ?? false,
          tls: options.tls?.server,
          disk: options.slowDisks ? SlowDisk.mount(join(dir, name)) : undefined,
          clock: launcher === undefined ? undefined : new WallClock(launcher, join(dir, `${name}.clock`)),
        }),
    );
    return new TestEtcd(dir, members, proxies, options.tls?.client);
  }

  /** `etcd://…`, all members, on a prefix that nobody else has. */
  address(endpoints: readonly string[] = this.members.map(({ endpoint }) => endpoint)): string {
    this.#stores += 1;
    return `etcd://${endpoints.join(',')}/kraud/${this.#stores}`;
  }

  /** An empty store. */
  async open(limits: Partial<EtcdLimits> = {}): Promise<EtcdStore> {
    return EtcdStore.open({
      address: this.address(),
      tls: this.#tls,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      limits,
    });
  }

  /** Resolves once this member serves. */
  async answers(member: Member): Promise<void> {
    const untilMs = systemClock.monotonic() + startTimeoutMs;
    while (!(await this.#status(member))) {
      if (!member.running || systemClock.monotonic() > untilMs) {
        throw new Error(`etcd ${member.name} does not answer: ${member.log()}`);
      }
      await delay(100);
    }
  }

  /** The member that leads now; undefined if none can be found. */
  async leader(): Promise<Member | undefined> {
    for (const member of this.members) {
      const status = member.running ? await this.#status(member) : undefined;
      if (status && status.leaderId === status.memberId) return member;
    }
    return undefined;
  }

  /** Makes another member the leader. */
  async moveLeader(): Promise<void> {
    const leader = await this.leader();
    const other = this.members.find((member) => member !== leader && member.running);
    const target = other && (await this.#status(other))?.memberId;
    if (!leader || target === undefined) return;
    await this.#ask(leader, (cluster) => cluster.read(rpcs.moveLeader, target)).catch(() => {});
  }

  /** Lets nothing pass between this member and the others, until `join`. */
  async isolate(member: Member): Promise<void> {
    const id = (await this.#status(member))?.memberId.toString(16);
    const index = this.members.indexOf(member);
    this.#proxies.forEach((proxy, i) => {
      proxy.cut(({ from }: Link) => i === index || from === id);
    });
  }

  join(): void {
    for (const proxy of this.#proxies) proxy.cut(() => false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.members) await member.kill();
    for (const proxy of this.#proxies) proxy.close();
    for (const { disk } of this.members) disk?.remove();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #status(member: Member): Promise<{ memberId: bigint; leaderId: bigint } | undefined> {
    return this.#ask(member, async (cluster) => {
      await cluster.read(rpcs.range, { key: '\0', countOnly: true });
      return cluster.read(rpcs.status, undefined);
    }).catch(() => undefined);
  }

  async #ask<T>(member: Member, ask: (cluster: Cluster) => Promise<T>): Promise<T> {
    const cluster = new Cluster({
      address: { endpoints: [member.endpoint], prefix: '/kraud' },
      tls: this.#tls,
      clock: systemClock,
      random: systemRandom,
      limits: { ...etcdLimits, requestTimeoutMs: 2000, attemptTimeoutMs: 2000 },
    });
    try {
      return await ask(cluster);
    } finally {
      cluster.close();
    }
  }
}

/** Ports that nobody listens on now. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
