import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { OutputEntry, OutputQuery } from '../contract.ts';
import type { GuestLogEntry } from '../guest/guest.ts';
import { ContainerLog } from './container-log.ts';

const root = mkdtempSync(join(tmpdir(), 'kraud-log-'));
after(() => rmSync(root, { recursive: true }));
let count = 0;

function make(segmentBytesMax = 1 << 20, segmentsMax = 100): { dir: string; open: () => ContainerLog } {
  count += 1;
  const dir = join(root, `${count}`, 'logs');
  return {
    dir,
    open: () => new ContainerLog({ dir, segmentBytesMax, segmentsMax, readBytesMax: 64 * 1024 }),
  };
}

const all: OutputQuery = { stdout: true, stderr: true, from: 'start', follow: 'no' };
const never = new AbortController().signal;

async function text(log: ContainerLog, query: Partial<OutputQuery> = {}, signal = never): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of log.read({ ...all, ...query }, signal)) found.push(entry.data.toString());
  return found;
}

let clock = 0n;
function entry(offset: number, data: string, stream: 1 | 2 = 1): GuestLogEntry {
  clock += 1n;
  return { offset, timeNs: clock, stream, data: Buffer.from(data) };
}

test('chunks are split into lines, and a prompt without an end comes as it is', async () => {
  const log = make().open();
  log.append(1, [entry(0, 'a\nb\nc'), entry(5, '> ')]);
  assert.deepEqual(await text(log), ['a\n', 'b\n', 'c', '> ']);
  assert.deepEqual(await text(log, { chunks: true }), ['a\nb\nc', '> ']);
});

test('what is sent again is kept once', () => {
  const log = make().open();
  log.append(1, [entry(0, 'hello')]);
  log.append(1, [entry(0, 'hello'), entry(5, ' world')]);
  log.append(1, [entry(3, 'lo world!')]);
  assert.equal(log.resumeOffset(1), 12);
  assert.equal(log.resumeOffset(2), 0);
});

test('a new run starts at offset 0 and comes after the old one', async () => {
  const log = make().open();
  log.append(1, [entry(0, 'one\n')]);
  log.append(2, [entry(0, 'two\n')]);
  assert.deepEqual(await text(log), ['one\n', 'two\n']);
});

test('a torn last record is cut off, and the guest is asked for it again', async () => {
  const { dir, open } = make();
  const log = open();
  log.append(7, [entry(0, 'kept\n')]);
  log.close();
  appendFileSync(join(dir, '1.log'), Buffer.from([0, 0, 0, 9, 1, 2, 3, 4, 5]));
  const again = open();
  assert.equal(again.resumeOffset(7), 5);
  again.append(7, [entry(5, 'more\n')]);
  assert.deepEqual(await text(again), ['kept\n', 'more\n']);
});

test('the last lines, over records, streams and files', async () => {
  const log = make(60).open();
  log.append(1, [entry(0, 'a\nb\n'), entry(4, 'E\n', 2), entry(6, 'c\nd')]);
  log.append(1, [entry(9, 'd\ne\n')]);
  assert.deepEqual(await text(log, { from: 2 }), ['d', 'd\n', 'e\n']);
  assert.deepEqual(await text(log, { from: 1 }), ['e\n']);
  assert.deepEqual(await text(log, { from: 0 }), []);
  assert.deepEqual((await text(log, { from: 3 })).join(''), 'c\ndd\ne\n');
  assert.deepEqual((await text(log, { from: 4, stderr: false })).join(''), 'b\nc\ndd\ne\n');
  assert.deepEqual((await text(log, { from: 99 })).join(''), 'a\nb\nE\nc\ndd\ne\n');
  assert.deepEqual(await text(log, { from: 1, stdout: false }), ['E\n']);
});

test('since and until', async () => {
  const log = make().open();
  clock = 100n;
  log.append(1, [entry(0, 'a\n'), entry(2, 'b\n'), entry(4, 'c\n')]);
  assert.deepEqual(await text(log, { sinceNs: 102n }), ['b\n', 'c\n']);
  assert.deepEqual(await text(log, { untilNs: 102n }), ['a\n', 'b\n']);
});

test('a follower gets what comes, and ends with the run', async () => {
  const log = make().open();
  log.append(1, [entry(0, 'old\n')]);
  const live = text(log, { from: 'end', follow: 'run' });
  const everything = text(log, { follow: 'run' });
  await new Promise((resolve) => setImmediate(resolve));
  log.append(1, [entry(4, 'new\n')]);
  log.append(1, [entry(8, 'newer\n')]);
  log.endRun(1);
  log.append(2, [entry(0, 'next run\n')]);
  assert.deepEqual(await live, ['new\n', 'newer\n']);
  assert.deepEqual(await everything, ['old\n', 'new\n', 'newer\n']);
  assert.equal(log.readers, 0);
});

test('who comes to follow a run that is over by now waits for nothing; the next one is followed', async () => {
  const log = make().open();
  log.append(1, [entry(0, 'all\n')]);
  log.endRun(1);
  assert.deepEqual(await text(log, { follow: 'run', run: 1 }), ['all\n']);
  const next = text(log, { follow: 'run', run: 2 });
  await new Promise((resolve) => setImmediate(resolve));
  log.append(2, [entry(0, 'more\n')]);
  log.endRun(2);
  assert.deepEqual(await next, ['all\n', 'more\n']);
});

test('a place is taken when it is asked for, not when reading begins', async () => {
  const log = make().open();
  const reader = log.read({ ...all, from: 'end', follow: 'run' }, never);
  log.append(1, [entry(0, 'seen\n')]);
  log.endRun(1);
  const found: OutputEntry[] = [];
  for await (const item of reader) found.push(item);
  assert.equal(found.length, 1);
});

test('an aborted follower leaves', async () => {
  const log = make().open();
  const abort = new AbortController();
  const reading = text(log, { follow: 'run' }, abort.signal);
  await new Promise((resolve) => setImmediate(resolve));
  abort.abort();
  assert.deepEqual(await reading, []);
  assert.equal(log.readers, 0);
});

test('old files go, and a reader that was on one goes on with the next', async () => {
  const { dir, open } = make(1000, 3);
  const log = open();
  const reader = log.read({ ...all, follow: 'run' }, never)[Symbol.asyncIterator]();
  let offset = 0;
  const write = (n: number): void => {
    const line = `${n}`.padStart(99, '.');
    log.append(1, [entry(offset, `${line}\n`)]);
    offset += 100;
  };
  write(0);
  assert.match((await reader.next()).value?.data.toString() ?? '', /\.0\n$/);
  for (let n = 1; n < 100; n += 1) write(n);
  assert.equal(readdirSync(dir).length, 3);
  log.endRun(1);
  const rest: number[] = [];
  for (let item = await reader.next(); !item.done; item = await reader.next()) {
    rest.push(Number(item.value.data.toString().replaceAll('.', '')));
  }
  assert.equal(rest.at(-1), 99);
  assert.deepEqual(
    rest,
    rest.toSorted((a, b) => a - b),
  );
  log.remove();
  assert.equal(existsSync(dir), false);
});

test('any way of cutting, repeating, re-opening and following gives the program’s own bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          bytes: fc.uint8Array({ minLength: 1, maxLength: 80 }),
          repeat: fc.nat(100),
          reopen: fc.boolean(),
        }),
        { maxLength: 30 },
      ),
      fc.integer({ min: 50, max: 500 }),
      async (steps, segmentBytes) => {
        const { open } = make(segmentBytes);
        let log = open();
        let sent = Buffer.alloc(0);
        for (const { bytes, repeat, reopen } of steps) {
          if (reopen) {
            log.close();
            log = open();
          }
          const offset = Math.max(0, sent.length - repeat);
          const data = Buffer.concat([sent.subarray(offset), bytes]);
          log.append(3, [{ offset, timeNs: 1n, stream: 1, data }]);
          sent = Buffer.concat([sent, bytes]);
        }
        const found: Buffer[] = [];
        for await (const item of log.read(all, never)) found.push(item.data);
        assert.deepEqual(Buffer.concat(found), sent);
        const lines = sent.toString('latin1').match(/[^\n]*\n|[^\n]+$/g) ?? [];
        const wanted = lines.slice(-3).join('');
        const tail: Buffer[] = [];
        for await (const item of log.read({ ...all, from: 3 }, never)) tail.push(item.data);
        assert.equal(Buffer.concat(tail).toString('latin1'), wanted);
        log.remove();
      },
    ),
    { numRuns: 100 },
  );
});

test('a slow reader whose log is removed under it ends, and looks for the rest no longer', async () => {
  const { open } = make(256);
  const log = open();
  for (let i = 0; i < 50; i += 1) log.append(1, [entry(i * 10, '123456789\n')]);
  const reading = log.read({ ...all, follow: 'run', run: 1 }, never)[Symbol.asyncIterator]();
  assert.equal((await reading.next()).done, false);
  log.endRun(1);
  log.remove();
  let more = 0;
  while (!(await reading.next()).done) more += 1;
  assert.ok(more < 50);
});
