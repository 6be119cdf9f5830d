import { KraudError } from '@kraud/base';
import type { DeviceChange, DevicePeer, DeviceState } from './device.ts';

/**
 * The text protocol by which a WireGuard in user space is asked and told, over its unix socket: lines `name=value`
 * up to an empty one. Keys are hex there.
 *
 * ```
 * set=1                              →  errno=0
 * private_key=ab…
 * listen_port=51820
 * public_key=cd…
 * endpoint=10.0.0.2:51820
 * replace_allowed_ips=true
 * allowed_ip=10.1.4.0/22
 * ```
 */
export const getRequest = 'get=1\n\n';

export function setRequest({ privateKey, port, set, remove }: DeviceChange): string {
  const lines = ['set=1'];
  if (privateKey !== undefined) lines.push(`private_key=${hexOf(privateKey)}`);
  if (port !== undefined) lines.push(`listen_port=${port}`);
  for (const key of remove) lines.push(`public_key=${hexOf(key)}`, 'remove=true');
  for (const { key, endpoint, blocks } of set) {
    lines.push(`public_key=${hexOf(key)}`);
    if (endpoint !== undefined) lines.push(`endpoint=${endpoint}`);
    lines.push('replace_allowed_ips=true', ...blocks.map((block) => `allowed_ip=${block}`));
  }
  return `${lines.join('\n')}\n\n`;
}

/** Throws what an answer complains of: `conflict` when a port is taken. */
export function checkAnswer(answer: string): void {
  const code = Math.abs(Number(/^errno=(-?\d+)$/m.exec(answer)?.[1] ?? Number.NaN));
  if (code === 0) return;
  if (code === addressInUse) throw new KraudError('conflict', 'the UDP port is in use');
  throw new KraudError('internal', `wireguard-go refused its settings: ${answer.trim() || 'no answer'}`);
}

const addressInUse = 98;

export function parseState(answer: string): DeviceState {
  checkAnswer(answer);
  let [privateKey, port] = ['', 0];
  const peers: { key: string; endpoint: string | undefined; blocks: string[] }[] = [];
  for (const line of answer.split('\n')) {
    const at = line.indexOf('=');
    const [name, value] = [line.slice(0, at), line.slice(at + 1)];
    const peer = peers.at(-1);
    if (name === 'private_key') privateKey = base64Of(value);
    else if (name === 'listen_port') port = Number(value);
    else if (name === 'public_key') peers.push({ key: base64Of(value), endpoint: undefined, blocks: [] });
    else if (peer && name === 'endpoint') peer.endpoint = value;
    else if (peer && name === 'allowed_ip') peer.blocks.push(value);
  }
  return { privateKey, port, peers: peers satisfies DevicePeer[] };
}

const hexOf = (key: string): string => Buffer.from(key, 'base64').toString('hex');
const base64Of = (key: string): string => Buffer.from(key, 'hex').toString('base64');
