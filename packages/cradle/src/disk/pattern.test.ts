import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { codeOf } from '@kraud/base';
import { dataDiskBytes } from '../contract.ts';
import { decodePattern, encodePattern, writeDisk, writtenBlocks } from './pattern.ts';

const pattern = [
  { offset: 0, data: Buffer.alloc(4096, 1) },
  { offset: 40_960, data: Buffer.alloc(8192, 2) },
  { offset: dataDiskBytes - 4096, data: Buffer.alloc(4096, 3) },
];

test('a pattern is the same after its encoding, and after a disk', async () => {
  assert.deepEqual(decodePattern(encodePattern(pattern)), pattern);
  assert.deepEqual(decodePattern(Buffer.alloc(0)), []);
  const dir = await mkdtemp(join(tmpdir(), 'kraud-pattern-'));
  try {
    const path = join(dir, 'disk');
    assert.equal(writeDisk(path, pattern).size, BigInt(dataDiskBytes));
    assert.deepEqual(await writtenBlocks(path), pattern);
    assert.throws(() => writeDisk(path, pattern), { code: 'EEXIST' });
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('what is cut short, or reaches beyond the disk, is refused', () => {
  const bytes = encodePattern(pattern);
  for (const length of [1, 11, 12, 4107, 4109, bytes.length - 1]) {
    assert.throws(
      () => decodePattern(bytes.subarray(0, length)),
      (error) => codeOf(error) === 'corrupt',
      String(length),
    );
  }
  const beyond = encodePattern([{ offset: dataDiskBytes - 4, data: Buffer.alloc(8) }]);
  assert.throws(
    () => decodePattern(beyond),
    (error) => codeOf(error) === 'corrupt',
  );
});
