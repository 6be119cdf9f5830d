import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { silentLogger, systemRandom } from '@kraud/base';
import type { GuestNetwork, NetworkSpec, TunnelEnd, TunnelPeer } from '../contract.ts';
import { defaultNetworkLimits } from '../defaults.ts';
import type { LocalNetwork } from '../local-network.ts';
import { Tunnels } from '../tunnels/tunnels.ts';
import { joinPod, openNetwork } from './world.ts';

/** A host's network with tunnels, in the network namespace of whoever calls. */
export class TestHost {
  readonly instanceId: string;
  readonly dir: string;
  network!: LocalNetwork;
  tunnels!: Tunnels;

  constructor(instanceId: string, dir: string) {
    this.instanceId = instanceId;
    this.dir = dir;
  }

  async open(networks: readonly NetworkSpec[]): Promise<void> {
    this.network = await openNetwork({ instanceId: this.instanceId });
    for (const spec of networks) await this.network.ensureNetwork(spec);
    await this.openTunnels();
  }

  async openTunnels(): Promise<void> {
    const { instanceId, dir } = this;
    const parts = { limits: defaultNetworkLimits, random: systemRandom, logger: silentLogger };
    const programDirs = [`${process.env.KRAUD_CACHE ?? '/var/cache/kraud'}/bin`];
    this.tunnels = await Tunnels.open({ instanceId, dir, programDirs, ...parts });
  }

  ensure(peers: readonly TunnelPeer[]): Promise<TunnelEnd> {
    return this.tunnels.ensure('default', peers);
  }

  async pod(podId: string, network: string, ipv4?: string): Promise<GuestNetwork['network']> {
    const networks = [{ network, names: [podId], ...(ipv4 === undefined ? {} : { ipv4 }) }];
    return (await joinPod(this.network, podId, { networks })).guest.network;
  }

  async close(): Promise<void> {
    this.tunnels.close();
    await this.network.close({ remove: true });
  }
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

/** The same in another network namespace, and so in a process of its own. */
export class FarHost {
  readonly #child: Child;
  readonly #lines: AsyncIterator<string>;

  constructor(netns: string, instanceId: string, dir: string) {
    const args = [`--net=/run/netns/${netns}`, process.execPath, import.meta.filename, instanceId, dir];
    this.#child = spawn('nsenter', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  open(networks: readonly NetworkSpec[]): Promise<void> {
    return this.#call('open', networks) as Promise<void>;
  }

  ensure(peers: readonly TunnelPeer[]): Promise<TunnelEnd> {
    return this.#call('ensure', peers) as Promise<TunnelEnd>;
  }

  pod(podId: string, network: string, ipv4?: string): Promise<GuestNetwork['network']> {
    return this.#call('pod', podId, network, ...(ipv4 === undefined ? [] : [ipv4])) as Promise<
      GuestNetwork['network']
    >;
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit');
    await this.#call('close');
    this.#child.stdin.end();
    await ended;
  }

  async #call(name: string, ...args: unknown[]): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify([name, ...args])}\n`);
    const { value } = await this.#lines.next();
    const { error, answer } = JSON.parse(value) as { error?: string; answer?: unknown };
    if (error !== undefined) throw new Error(error);
    return answer;
  }
}

async function serve(host: TestHost): Promise<void> {
  for await (const line of createInterface(process.stdin)) {
    const [name, ...args] = JSON.parse(line) as [string, ...unknown[]];
    const method = Reflect.get(host, name) as (...args: unknown[]) => Promise<unknown>;
    const reply = await method.apply(host, args).then(
      (answer) => ({ answer }),
      (error: unknown) => ({ error: String(error) }),
    );
    console.log(JSON.stringify(reply));
  }
}

if (process.argv[1] === import.meta.filename) {
  const [, , instanceId = '', dir = ''] = process.argv;
  await serve(new TestHost(instanceId, dir));
}
