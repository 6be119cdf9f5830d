import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, type Frame, FrameDecoder, type FrameKind, frameKinds } from './frames.ts';
import { decodeLogEntry, encodeLogEntry, entryFrom } from './log-frames.ts';
import { PrefaceScanner, prefaceLine } from './preface.ts';
import type { ContainerConfig, PodBody } from './types.ts';

const read = (name: string) => readFileSync(new URL(`../../../../fixtures/${name}`, import.meta.url), 'utf8');
const cases = (name: string) =>
  read(name)
    .split('\n')
    .filter((line) => line.includes('\t') && !line.startsWith('#'))
    .map((line) => line.split('\t') as [string, string]);

test('frames, as the agent reads them', () => {
  for (const [hex, expected] of cases('guest-frames.txt')) {
    const decoder = new FrameDecoder();
    const bytes = Buffer.from(hex, 'hex');
    if (expected === 'bad') {
      assert.throws(() => [...decoder.push(bytes)], { code: 'corrupt' }, hex);
      continue;
    }
    const [frame] = [...decoder.push(bytes)];
    const got = frame
      ? [frame.kind, frame.payload.length, frame.payload.toString('hex')].join(' ').trim()
      : 'more';
    assert.equal(got, expected, hex);
    if (frame)
      assert.equal(
        encodeFrame(frame.kind, frame.payload).toString('hex'),
        hex.slice(0, 16 + 2 * frame.payload.length),
      );
  }
});

test('log entries, as the agent writes them', () => {
  for (const [hex, expected] of cases('guest-log-entry.txt')) {
    const entry = decodeLogEntry(Buffer.from(hex, 'hex'));
    const stream = entry.stream === 'stdout' ? 1 : 2;
    assert.equal(`${entry.offset} ${entry.timeNs} ${stream} ${entry.bytes.toString('hex')}`, expected);
    assert.equal(encodeLogEntry(entry).toString('hex'), hex);
  }
  for (const bad of [Buffer.alloc(0), Buffer.alloc(16), Buffer.alloc(17)]) {
    assert.throws(() => decodeLogEntry(bad), { code: 'corrupt' });
  }
});

test('the preface, wherever it begins', () => {
  const line = prefaceLine(Buffer.from('0123456789abcdef0123456789abcdef', 'hex'));
  for (const [hex, expected] of cases('guest-preface.txt')) {
    const bytes = Buffer.from(hex, 'hex');
    const rest = new PrefaceScanner(line).push(bytes);
    assert.equal(rest ? String(bytes.length - rest.length) : '-', expected, hex);
  }
});

test('the bodies are what the types say', () => {
  // The types check the shape at compile time only if these are literals: here it is the members that count.
  const pod = JSON.parse(read('guest-pod.json')) as PodBody;
  assert.equal(Buffer.from(pod.entropy, 'base64').length, 64);
  assert.equal(pod.disks.length, 3);
  const container = JSON.parse(read('guest-container.json')) as ContainerConfig;
  assert.deepEqual(container.args, ['/bin/echo', 'hi']);
  assert.equal(container.mounts?.length, 3);
});

const kinds = Object.keys(frameKinds) as FrameKind[];
const frames = fc.array(
  fc.record({ kind: fc.constantFrom(...kinds), payload: fc.uint8Array({ maxLength: 300 }) }),
);

test('frames come out as they went in, however they are cut', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.nat(400)), (list, cuts) => {
      const bytes = Buffer.concat(list.map(({ kind, payload }) => encodeFrame(kind, payload)));
      const decoder = new FrameDecoder();
      const out: Frame[] = [];
      let at = 0;
      for (const cut of cuts) {
        out.push(...decoder.push(bytes.subarray(at, at + cut)));
        at = Math.min(bytes.length, at + cut);
      }
      out.push(...decoder.push(bytes.subarray(at)));
      assert.equal(decoder.idle, true);
      assert.deepEqual(
        out.map((frame) => [frame.kind, frame.payload.toString('hex')]),
        list.map(({ kind, payload }) => [kind, Buffer.from(payload).toString('hex')]),
      );
    }),
  );
});

test('any bytes give frames, or a named fault', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        for (const frame of new FrameDecoder().push(Buffer.from(bytes))) decodeLogEntry(frame.payload);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'corrupt');
      }
    }),
  );
});

test('a preface is found behind any rest, however it is cut', () => {
  const line = prefaceLine(Buffer.alloc(16, 7));
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), fc.integer({ min: 1, max: 50 }), (before, behind, size) => {
      const bytes = Buffer.concat([before, line, behind]);
      const scanner = new PrefaceScanner(line);
      for (let at = 0; at < bytes.length; at += size) {
        const rest = scanner.push(bytes.subarray(at, at + size));
        if (!rest) continue;
        assert.equal(Buffer.concat([rest, bytes.subarray(at + size)]).equals(behind), true);
        return;
      }
      assert.fail('not found');
    }),
  );
});

test('the part of an entry from an offset on', () => {
  const entry = { offset: 10n, timeNs: 0n, stream: 'stdout', bytes: Buffer.from('abc') } as const;
  assert.equal(entryFrom(entry, 5n), entry);
  assert.equal(entryFrom(entry, 12n)?.bytes.toString(), 'c');
  assert.equal(entryFrom(entry, 13n), undefined);
});
