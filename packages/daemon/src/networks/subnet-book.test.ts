import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { silentLogger } from '@kraud/base';
import { SubnetBook } from './subnet-book.ts';

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'kraud-subnets-'));
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const pages = (): string[] => readdirSync(join(scratch, 'book'));

/** The book as a daemon with this data directory has it. */
function book(instanceId: string): SubnetBook {
  const dataDir = join(scratch, instanceId);
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(join(dataDir, 'instance'), `${instanceId}\n`);
  return new SubnetBook({ dataDir, instanceId, logger: silentLogger, dir: join(scratch, 'book') });
}

test('each reads what the others wrote, and not its own', () => {
  const [one, two] = [book('a'), book('b')];
  assert.deepEqual(one.others(), []);
  one.write(['172.17.0.0/16', '10.1.0.0/24']);
  two.write(['172.18.0.0/16']);
  assert.deepEqual(one.others(), ['172.18.0.0/16']);
  assert.deepEqual(two.others(), ['10.1.0.0/24', '172.17.0.0/16']);
  two.write([]);
  assert.deepEqual(one.others(), []);
});

test('a data directory that is no more keeps nothing', () => {
  const [one, two] = [book('a'), book('b')];
  one.write(['172.17.0.0/16']);
  rmSync(join(scratch, 'a'), { recursive: true });
  assert.deepEqual(two.others(), []);
  assert.deepEqual(pages(), []);
});

test('what is used in another network namespace may be used here too', () => {
  const [one, two] = [book('a'), book('b')];
  one.write(['172.17.0.0/16']);
  const path = join(scratch, 'book/a.json');
  const page = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...page, namespace: 'net:[1]' }));
  assert.deepEqual(two.others(), []);
  assert.deepEqual(pages(), ['a.json']);
});

test('a page that can’t be read is passed over', () => {
  const [one, two] = [book('a'), book('b')];
  one.write(['172.17.0.0/16']);
  for (const [n, text] of ['{', '[]', 'null', '{"instanceId":"c","subnets":["x"]}'].entries())
    writeFileSync(join(scratch, `book/${n}.json`), text);
  assert.deepEqual(two.others(), ['172.17.0.0/16']);
});
