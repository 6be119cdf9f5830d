import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MiB } from '@kraud/base';
import { factsOf, writeParts } from './parts.ts';
import { pageBytes } from './splitter.ts';
import { type Page, streamOf } from './testing/stream.ts';

const memoryBytes = 8 * MiB;
const pages = memoryBytes / pageBytes;

async function* inChunks(stream: Buffer, bytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < stream.length; at += bytes) yield stream.subarray(at, at + bytes);
}

test('the files of a stream: pages without holes, where they belong, and the rest', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'kraud-parts-'));
  try {
    const all: Page[] = Array.from({ length: pages }, (_, page) => ({
      block: 'ram',
      page,
      fill: page % 64 < 5 ? 1 + (page % 7) : 0,
    }));
    const resent: Page[] = [
      { block: 'ram', page: 0, fill: 0 },
      { block: 'ram', page: 30, fill: 9 },
    ];
    const { stream, memory, state } = streamOf(memoryBytes, [all, resent], Buffer.from('devices'));
    await using memoryFile = await open(join(dir, 'memory'), 'wx');
    await using layoutFile = await open(join(dir, 'layout'), 'wx');
    await using stateFile = await open(join(dir, 'state'), 'wx');
    const files = { memory: memoryFile, layout: layoutFile, state: stateFile };
    const facts = await writeParts(inChunks(stream, 10_007), memoryBytes, files);
    assert.deepEqual(await readFile(join(dir, 'state')), state);
    assert.deepEqual(facts.state, factsOf(state));
    const layout = await readFile(join(dir, 'layout'));
    assert.deepEqual(facts.layout, factsOf(layout));
    const written = await readFile(join(dir, 'memory'));
    const mapped = Buffer.alloc(memoryBytes);
    let from = 0;
    for (let at = 0; at < layout.length; at += 8) {
      const bytes = layout.readUInt32LE(at + 4) * pageBytes;
      written.copy(mapped, layout.readUInt32LE(at) * pageBytes, from, from + bytes);
      from += bytes;
    }
    assert.ok(mapped.equals(memory));
    assert.equal(written.length, memoryBytes);
    assert.ok((await stat(join(dir, 'memory'))).blocks * 512 < memoryBytes / 4);
  } finally {
    await rm(dir, { recursive: true });
  }
});
