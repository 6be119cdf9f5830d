import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { codeOf, messageOf } from '@kraud/base';
import { Helper } from './helper.ts';
import { Nft } from './nft.ts';
import { run } from './run.ts';

const options = { idleMs: 60_000, timeoutMs: 5_000 };
const dir = mkdtempSync(join(tmpdir(), 'kraud-ended-'));
const path = process.env.PATH;
after(() => {
  process.env.PATH = path;
  rmSync(dir, { recursive: true });
});

test('a tool that ends says how, once it has been tried again', async () => {
  const asked = (script: string) => new Helper(['sh', '-c', script], options).exchange('', /done/);
  await assert.rejects(asked('echo no such thing >&2; exit 3'), (error) => {
    assert.match(messageOf(error), / ended with 3: no such thing$/);
    return codeOf(error) === 'unavailable';
  });
  await assert.rejects(asked('kill -9 $$'), /kill -9 \$\$ ended by SIGKILL$/);
  await assert.rejects(
    new Helper(['no-such-tool'], options).exchange('', /done/),
    /^KraudError: cannot run no-such-tool$/,
  );
});

test('nft that dies of the tables it finds is told from others, and what to do', async () => {
  writeFileSync(join(dir, 'nft'), '#!/bin/sh\nkill -SEGV $$\n');
  chmodSync(join(dir, 'nft'), 0o755);
  process.env.PATH = `${dir}${delimiter}${path}`;
  const advice = /ended by SIGSEGV: nft 1\.0 does that where a newer nft has made a table; delete that table/;
  await assert.rejects(run('nft', ['-j', 'list', 'chains']), advice);
  await assert.rejects(new Nft(options).apply(['add table inet q']), advice);
  await assert.rejects(run('sh', ['-c', 'kill -SEGV $$']), /ended by SIGSEGV$/);
});
