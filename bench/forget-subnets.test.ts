import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { forgetSubnets } from './forget-subnets.ts';

test('of a data directory that goes its page goes, and no other', () => {
  const dir = mkdtempSync(join(tmpdir(), 'kraud-bench-'));
  try {
    const pages = mkdtempSync(join(dir, 'pages-'));
    for (const id of ['this', 'that']) writeFileSync(join(pages, `${id}.json`), '{}');
    forgetSubnets(dir, pages);
    assert.deepEqual(readdirSync(pages), ['that.json', 'this.json'], 'it was never started');
    writeFileSync(join(dir, 'instance'), 'this\n');
    forgetSubnets(dir, pages);
    assert.deepEqual(readdirSync(pages), ['that.json']);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
