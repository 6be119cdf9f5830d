import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { KraudError } from '@kraud/base';
import { collect, pieces } from '../testing/make-tar.ts';
import { compressionOf, unpack } from './unpack.ts';

const text = Buffer.from('kraud '.repeat(100_000));

function pack(program: string): Buffer {
  const { status, stdout } = spawnSync(program, ['-c'], { input: text });
  assert.equal(status, 0);
  return stdout;
}

const packed: [string, Buffer][] = [
  ['none', text],
  ['gzip', gzipSync(text)],
  ['zstd', zstdCompressSync(text)],
  ['xz', pack('xz')],
  ['bzip2', pack('bzip2')],
];

test('each compression is told by its first bytes and undone', async () => {
  for (const [name, bytes] of packed) {
    assert.equal(compressionOf(bytes), name);
    for (const size of [1_000, 1_000_000])
      assert.ok((await collect(unpack(pieces(bytes, size)))).equals(text), name);
  }
});

test('members that follow each other are one stream', async () => {
  const two = Buffer.concat([gzipSync('one '), gzipSync('two')]);
  assert.equal((await collect(unpack(pieces(two)))).toString(), 'one two');
});

test('cut and broken streams are corrupt', async () => {
  for (const [name, bytes] of packed.slice(1)) {
    const broken = Buffer.from(bytes);
    broken.fill(0xee, bytes.length >> 1, (bytes.length >> 1) + 20);
    for (const bad of [bytes.subarray(0, bytes.length - 9), broken])
      await assert.rejects(
        collect(unpack(pieces(bad))),
        (error) => error instanceof KraudError && error.code === 'corrupt' && error.message.includes(name),
        name,
      );
  }
});

test('a fault of the source passes as it is', async () => {
  async function* breaking(): AsyncGenerator<Uint8Array> {
    yield gzipSync(text).subarray(0, 100);
    throw new KraudError('unavailable', 'the line is cut');
  }
  await assert.rejects(collect(unpack(breaking())), /the line is cut/);
});

test('whoever stops reading stops the source', async () => {
  let closed = false;
  const member = gzipSync(text);
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield member;
    } finally {
      closed = true;
    }
  }
  for await (const _ of unpack(endless())) break;
  while (!closed) await new Promise((resolve) => setImmediate(resolve));
});
