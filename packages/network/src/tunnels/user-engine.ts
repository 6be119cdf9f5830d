import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { KraudError, type Logger } from '@kraud/base';
import { runIn } from '../kernel/run.ts';
import { checkedDevice, tunnelDevice } from '../names.ts';
import type { DeviceChange, DeviceState, TunnelDevice, TunnelEngine, TunnelPlace } from './device.ts';
import { hasTunnel, removeLink } from './links.ts';
import { checkAnswer, getRequest, parseState, setRequest } from './uapi.ts';
import { UapiClient } from './uapi-client.ts';

export interface UserEngineOptions {
  /** Path of `wireguard-go`. */
  readonly program: string;
  /** For sockets and logs; the daemon's own. */
  readonly dir: string;
  /** Whom the program runs as. */
  readonly uid: number;
  readonly timeoutMs: number;
  readonly logger: Logger;
}

const pollMs = 10;

/**
 * WireGuard in user space: a `wireguard-go` for each VPC, which outlives the daemon. Its device is made in the daemon's
 * network namespace, where its UDP socket stays, and moved into the VPC; it ends when the device is deleted, as it is
 * with the VPC.
 */
export class UserEngine implements TunnelEngine {
  readonly #options: UserEngineOptions;
  readonly #sockets: string;

  constructor(options: UserEngineOptions) {
    this.#options = options;
    this.#sockets = join(options.dir, 'run/wireguard');
  }

  async open(place: TunnelPlace): Promise<TunnelDevice> {
    const present = await this.#connect(place);
    if (present && (await hasTunnel(place.netns))) return new UserDevice(present);
    await this.#clear(place, present);
    const child = this.#start(place);
    try {
      const client = await this.#started(place, child);
      const target = ['netns', place.netns, 'name', tunnelDevice];
      await runIn('host', ['ip', 'link', 'set', 'dev', checkedDevice(place.device), ...target]);
      return new UserDevice(client);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  async remove(place: TunnelPlace): Promise<void> {
    await this.#clear(place, await this.#connect(place));
  }

  /** Whatever is left of an earlier device. One that was not moved in time is where it was made. */
  async #clear(place: TunnelPlace, client: UapiClient | undefined): Promise<void> {
    await removeLink('host', place.device);
    await removeLink({ name: place.netns }, tunnelDevice);
    if (client) await this.#within(client.closed, 'wireguard-go does not end');
    rmSync(this.#socketOf(place), { force: true });
  }

  #socketOf({ device }: TunnelPlace): string {
    return join(this.#sockets, `${device}.sock`);
  }

  /** By way of our own descriptor: a unix socket's path may have 107 bytes only, and a data directory more. */
  async #connect({ device }: TunnelPlace): Promise<UapiClient | undefined> {
    mkdirSync(this.#sockets, { recursive: true, mode: 0o711 });
    const dir = openSync(this.#sockets, 'r');
    try {
      return await UapiClient.open(`/proc/self/fd/${dir}/${device}.sock`, this.#options.timeoutMs);
    } finally {
      closeSync(dir);
    }
  }

  #logOf({ device }: TunnelPlace): string {
    return join(this.#options.dir, `${device}.log`);
  }

  #start(place: TunnelPlace): ChildProcess {
    const { program, dir, uid } = this.#options;
    chownSync(this.#sockets, uid, uid);
    const log = openSync(this.#logOf(place), 'w', 0o600);
    const words = ['--mount', '--propagation', 'slave', '--', 'sh', '-ec', begin, 'sh'];
    const child = spawn('unshare', [...words, join(dir, 'run'), String(uid), program, place.device], {
      cwd: '/',
      env: { PATH: process.env.PATH, LOG_LEVEL: 'error' },
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child.on('error', () => {});
    child.unref();
    return child;
  }

  async #started(place: TunnelPlace, child: ChildProcess): Promise<UapiClient> {
    const deadlineMs = Date.now() + this.#options.timeoutMs;
    for (;;) {
      const client = await this.#connect(place);
      if (client) return client;
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) break;
      if (Date.now() > deadlineMs) break;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    const said = readFileSync(this.#logOf(place), 'utf8').trim().slice(-500);
    throw new KraudError('unavailable', `wireguard-go did not start: ${said || 'it said nothing'}`);
  }

  async #within(done: Promise<void>, complaint: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new KraudError('timeout', complaint)), this.#options.timeoutMs);
    });
    await Promise.race([done, late]).finally(() => clearTimeout(timer));
  }
}

/**
 * Its only privilege is to make and set network devices; its sockets are in a directory of the daemon's that it sees as
 * `/run`. Where `/dev/net/tun` is for root alone it gets a node of its own.
 */
const begin = `
mount --bind "$1" /run
mount -t tmpfs -o mode=755,size=64k none /dev/net
mknod -m 666 /dev/net/tun c 10 200
exec setpriv --reuid="$2" --regid="$2" --clear-groups --no-new-privs \\
  --bounding-set=-all,+net_admin --inh-caps=-all,+net_admin --ambient-caps=-all,+net_admin "$3" -f "$4"
`;

class UserDevice implements TunnelDevice {
  readonly gone: Promise<void>;
  readonly #client: UapiClient;

  constructor(client: UapiClient) {
    this.#client = client;
    this.gone = client.closed;
  }

  async state(): Promise<DeviceState> {
    return parseState(await this.#client.exchange(getRequest));
  }

  async apply(change: DeviceChange): Promise<void> {
    checkAnswer(await this.#client.exchange(setRequest(change)));
  }

  close(): void {
    this.#client.close();
  }
}
