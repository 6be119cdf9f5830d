import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame } from './frames.ts';

test('stdout and stderr', () => {
  assert.equal(
    frame({ stream: 'stdout', data: Buffer.from('hi\n') }).toString('hex'),
    '010000000000000368690a',
  );
  assert.equal(frame({ stream: 'stderr', data: Buffer.alloc(0) }).toString('hex'), '0200000000000000');
});

test('a long piece', () => {
  const bytes = frame({ stream: 'stdout', data: Buffer.alloc(0x12345, 1) });
  assert.equal(bytes.readUInt32BE(4), 0x12345);
  assert.equal(bytes.length, 0x12345 + 8);
});
