import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const cache = mkdtempSync(join(tmpdir(), 'kraud-cache-'));
after(() => rmSync(cache, { recursive: true }));

function current(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const script = new URL('current.mjs', import.meta.url).pathname;
  const env = { ...process.env, KRAUD_CACHE: cache };
  return spawnSync(process.execPath, [script, ...args], { env, encoding: 'utf8' });
}

test('a value that is not there is an error that says what to do', () => {
  const { status, stderr } = current('get', 'kernel');
  assert.equal(status, 1);
  assert.match(stderr, /has no kernel: run "make setup"/);
});

test('keys are set together, others are kept, and no draft is left', () => {
  assert.equal(current('set', 'kernel', '/k', 'kernelHash', '1').status, 0);
  assert.equal(current('set', 'agent', '/a').status, 0);
  assert.deepEqual(JSON.parse(current('get').stdout), { kernel: '/k', kernelHash: '1', agent: '/a' });
  assert.equal(current('get', 'agent').stdout, '/a\n');
  assert.deepEqual(readdirSync(join(cache, 'guest')), ['current.json']);
});

test('setting what is there already does not touch the file', () => {
  const before = statSync(join(cache, 'guest/current.json')).ino;
  assert.equal(current('set', 'agent', '/a').status, 0);
  assert.equal(statSync(join(cache, 'guest/current.json')).ino, before);
});
