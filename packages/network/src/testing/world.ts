import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { must, silentLogger } from '@kraud/base';
import type { Reservation } from '../contract.ts';
import { LocalNetwork, type LocalNetworkOptions } from '../local-network.ts';

/**
 * Runs the calling test file once more, in network and mount namespaces of its own, and answers false; there it
 * answers true. So tests make links, routes and rules without the machine's own network ever seeing them.
 */
export function insideOwnWorld(file: string): boolean {
  if (process.env.KRAUD_TEST_WORLD === 'inside') return true;
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const script =
    'mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && ip link set lo up && exec "$0" --test-force-exit --test-reporter=tap --test "$1"';
  const child = spawnSync('unshare', ['--net', '--mount', 'sh', '-ec', script, process.execPath, file], {
    env: { ...env, KRAUD_TEST_WORLD: 'inside' },
    encoding: 'utf8',
    timeout: 180_000,
  });
  if (child.status !== 0) throw new Error(`${child.stdout}\n${child.stderr}`);
  return false;
}

export function sh(script: string): string {
  return execFileSync('sh', ['-ec', script], { encoding: 'utf8' });
}

/** An outside with one machine, 192.0.2.9, behind the host's `wan0`; it is the default gateway. */
export function makeOutside(): void {
  sh(`ip netns add outside
ip link add wan0 type veth peer name eth0 netns outside
ip addr add 192.0.2.1/24 dev wan0; ip link set wan0 up
ip -n outside addr add 192.0.2.9/24 dev eth0; ip -n outside link set eth0 up; ip -n outside link set lo up
ip route add default via 192.0.2.9`);
}

/** A VMM's namespace with a "tap" whose other end is the guest's eth0: frames cross as they do with a real one. */
export function makeFakeVm(name: string): { netns: { name: string }; name: string } {
  sh(`ip netns add vmm-${name}; ip netns add guest-${name}
ip -n vmm-${name} link add tap0 type veth peer name eth0 netns guest-${name}
ip -n guest-${name} link set lo up`);
  return { netns: { name: `vmm-${name}` }, name: 'tap0' };
}

/** What the guest agent does with what it is told. */
export function configureGuest(
  name: string,
  network: { mac: string; mtu: number; addresses: readonly string[]; gateway4: string },
): void {
  const n = `ip -n guest-${name}`;
  sh(`${n} link set eth0 address ${network.mac} mtu ${network.mtu} up
${network.addresses.map((address) => `${n} addr add ${address} dev eth0`).join('\n')}
${n} route add default via ${network.gateway4}`);
}

export function endFakeVm(name: string): void {
  sh(`ip netns del guest-${name}; ip netns del vmm-${name}`);
}

export function openNetwork(options: Partial<LocalNetworkOptions> = {}): Promise<LocalNetwork> {
  return LocalNetwork.open({ instanceId: 'test', logger: silentLogger, ...options });
}

export function request(podId: string, more: object = {}) {
  return {
    podId,
    podName: podId,
    tenant: 'default',
    networks: [{ network: 'default', names: [podId] }],
    hostname: podId,
    domainname: '',
    ports: [],
    dns: { servers: [], search: [], options: [] },
    extraHosts: [],
    ...more,
  };
}

/** A pod on the network, with a namespace for its guest, set up as the agent would. */
export async function joinPod(network: LocalNetwork, name: string, more: object = {}): Promise<Reservation> {
  const tap = makeFakeVm(name);
  const reservation = await network.attach({ ...request(name, more), tap });
  configureGuest(name, reservation.guest.network);
  return reservation;
}

/** A Node program in a namespace; resolves once it has printed `ready`. */
export async function program(netns: string | undefined, code: string): Promise<ChildProcess> {
  const child = spawnIn(netns, code);
  await once(must(child.stdout, 'piped'), 'data');
  return child;
}

/** Answers each connection with what came in, in capitals, once the other side has finished sending. */
export const tcpServer = (port: number, tag: string): string => `
import net from 'node:net';
net.createServer({ allowHalfOpen: true }, (s) => {
  let t = ''; s.on('error', () => {});
  s.on('data', (d) => { t += d; }); s.on('end', () => s.end('${tag} ' + t.toUpperCase() + ' ' + s.remoteAddress));
}).listen(${port}, '0.0.0.0', () => console.log('ready'));`;

export const udpServer = (port: number, tag: string, address = '0.0.0.0'): string => `
import dgram from 'node:dgram';
const s = dgram.createSocket('udp4');
s.on('message', (d, from) => s.send(Buffer.from('${tag} ' + d.toString('latin1').toUpperCase(), 'latin1'), from.port, from.address));
s.bind(${port}, '${address}', () => console.log('ready'));`;

/** A name server that knows no name, and says so at once. */
export const nameServer = (address: string): string => `
import dgram from 'node:dgram';
const s = dgram.createSocket('udp4');
s.on('message', (d, from) => { d[2] |= 0x80; d[3] = 3; s.send(d, from.port, from.address); });
s.bind(53, '${address}', () => console.log('ready'));`;

/** Sends a text over TCP or UDP from a namespace; answers what came back, or `failed: CODE`. */
export async function ask(
  netns: string | undefined,
  protocol: 'tcp' | 'udp',
  host: string,
  port: number,
  timeoutMs = 1500,
  text = 'hello',
): Promise<string> {
  const code =
    protocol === 'tcp'
      ? `import net from 'node:net';
const s = net.connect({ host: '${host}', port: ${port}, allowHalfOpen: true, timeout: ${timeoutMs} }); let t = '';
s.on('timeout', () => { console.log('failed: timeout'); process.exit(0); });
s.on('error', (e) => { console.log('failed: ' + e.code); process.exit(0); });
s.on('data', (d) => { t += d; }); s.on('end', () => { console.log(t); process.exit(0); }); s.end('hello');`
      : `import dgram from 'node:dgram';
const s = dgram.createSocket('${host.includes(':') ? 'udp6' : 'udp4'}');
s.on('message', (d) => { console.log(String(d)); process.exit(0); });
s.send(Buffer.from('${text}', 'latin1'), ${port}, '${host}'); setTimeout(() => { console.log('failed: timeout'); process.exit(0); }, ${timeoutMs});`;
  return await outputIn(netns, code);
}

/** The first address that a name server has for a name, or `failed: CODE`. */
export async function resolveName(netns: string, server: string, name: string): Promise<string> {
  const code = `import { Resolver } from 'node:dns/promises';
const resolver = new Resolver(); resolver.setServers(['${server}']);
console.log(await resolver.resolve4('${name}').then(([first]) => first, (e) => 'failed: ' + e.code));`;
  return await outputIn(netns, code);
}

async function outputIn(netns: string | undefined, code: string): Promise<string> {
  const child = spawnIn(netns, code);
  let answer = '';
  must(child.stdout, 'piped').on('data', (data) => {
    answer += data;
  });
  await once(child, 'close');
  return answer.trim();
}

function spawnIn(netns: string | undefined, code: string): ChildProcess {
  const enter = netns === undefined ? [] : ['nsenter', `--net=/run/netns/${netns}`];
  const [command = '', ...args] = [...enter, process.execPath, '--input-type=module', '-e', code];
  return spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}
