import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf } from '@kraud/base';
import { checkAnswer, parseState, setRequest } from './uapi.ts';
import { parseDump, setWords } from './wg-tool.ts';

/** One device in the words of both engines. */
const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64');
const hex = (byte: number): string => Buffer.alloc(32, byte).toString('hex');
const state = {
  privateKey: key(1),
  port: 51820,
  peers: [
    { key: key(2), endpoint: '192.0.2.2:51820', blocks: ['10.1.4.0/22', '10.1.0.9/32'] },
    { key: key(3), endpoint: undefined, blocks: [] },
  ],
};
const change = { privateKey: key(1), port: 51820, set: state.peers, remove: [key(4)] };

test('what a WireGuard in user space says and is told', () => {
  const said = `private_key=${hex(1)}
listen_port=51820
public_key=${hex(2)}
preshared_key=${hex(0)}
protocol_version=1
endpoint=192.0.2.2:51820
last_handshake_time_sec=0
persistent_keepalive_interval=0
allowed_ip=10.1.4.0/22
allowed_ip=10.1.0.9/32
public_key=${hex(3)}
preshared_key=${hex(0)}
errno=0

`;
  assert.deepEqual(parseState(said), state);
  assert.equal(
    setRequest(change),
    `set=1
private_key=${hex(1)}
listen_port=51820
public_key=${hex(4)}
remove=true
public_key=${hex(2)}
endpoint=192.0.2.2:51820
replace_allowed_ips=true
allowed_ip=10.1.4.0/22
allowed_ip=10.1.0.9/32
public_key=${hex(3)}
replace_allowed_ips=true

`,
  );
  assert.deepEqual(parseState('listen_port=1\nerrno=0\n\n'), { privateKey: '', port: 1, peers: [] });
});

test('a refusal is a fault with a name', () => {
  assert.throws(
    () => checkAnswer('errno=-98\n\n'),
    (e) => codeOf(e) === 'conflict',
  );
  assert.throws(
    () => checkAnswer('errno=98\n\n'),
    (e) => codeOf(e) === 'conflict',
  );
  assert.throws(
    () => checkAnswer('errno=-22\n\n'),
    (e) => codeOf(e) === 'internal',
  );
  assert.throws(
    () => parseState('\n\n'),
    (e) => codeOf(e) === 'internal',
  );
});

test('what `wg` says of the kernel, and is told', () => {
  const said = [
    [key(1), key(9), '51820', 'off'],
    [key(2), '(none)', '192.0.2.2:51820', '10.1.4.0/22,10.1.0.9/32', '0', '0', '0', 'off'],
    [key(3), '(none)', '(none)', '(none)', '0', '0', '0', 'off'],
  ];
  assert.deepEqual(parseDump(said.map((line) => `${line.join('\t')}\n`).join('')), state);
  assert.deepEqual(parseDump('(none)\t(none)\t0\toff\n'), { privateKey: '', port: 0, peers: [] });
  assert.deepEqual(setWords('wg0', change), {
    words: [
      ...['set', 'wg0', 'listen-port', '51820', 'private-key', '/dev/stdin', 'peer', key(4), 'remove'],
      ...['peer', key(2), 'endpoint', '192.0.2.2:51820', 'allowed-ips', '10.1.4.0/22,10.1.0.9/32'],
      ...['peer', key(3), 'allowed-ips', ''],
    ],
    input: `${key(1)}\n`,
  });
});
