import type { DeviceChange, DevicePeer, DeviceState } from './device.ts';

/**
 * `wg show wg0 dump`: a line for the device, then one for each peer, with tabs between the fields.
 *
 * | line   | fields                                                                                  |
 * | ------ | --------------------------------------------------------------------------------------- |
 * | device | private key, public key, port, mark                                                     |
 * | peer   | key, preshared key, endpoint, blocks, last handshake, bytes in, bytes out, keepalive    |
 */
export function parseDump(text: string): DeviceState {
  const [device = '', ...peers] = text.split('\n').filter((line) => line !== '');
  const [privateKey = '', , port = '0'] = device.split('\t');
  return {
    privateKey: known(privateKey) ?? '',
    port: Number(port),
    peers: peers.map((line): DevicePeer => {
      const [key = '', , endpoint = '', blocks = ''] = line.split('\t');
      return { key, endpoint: known(endpoint), blocks: known(blocks)?.split(',') ?? [] };
    }),
  };
}

const known = (field: string): string | undefined => (field === '(none)' || field === '' ? undefined : field);

/** `wg` opens its standard input by name for a key, which a socket, as Node gives to programs, doesn't allow: so a pipe. */
export const wgCommand = (words: readonly string[]): string[] => [
  'sh',
  '-c',
  'cat | wg "$@"',
  'sh',
  ...words,
];

/** The words of `wg set`; the private key goes through its standard input, where no other user sees it. */
export function setWords(
  device: string,
  { privateKey, port, set, remove }: DeviceChange,
): { readonly words: string[]; readonly input: string } {
  const words = ['set', device];
  if (port !== undefined) words.push('listen-port', String(port));
  if (privateKey !== undefined) words.push('private-key', '/dev/stdin');
  for (const key of remove) words.push('peer', key, 'remove');
  for (const { key, endpoint, blocks } of set) {
    words.push('peer', key);
    if (endpoint !== undefined) words.push('endpoint', endpoint);
    words.push('allowed-ips', blocks.join(','));
  }
  return { words, input: privateKey === undefined ? '' : `${privateKey}\n` };
}
