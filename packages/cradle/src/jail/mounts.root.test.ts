import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bindHostPaths, mountsBelow, unmountBelow } from './mounts.ts';

const mount = (...args: string[]): Buffer => execFileSync('mount', args);

test('a host path is shown with what is mounted in it, read-only as a whole, and leaves nothing', async () => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'kraud-mounts-')));
  const source = join(dir, 'a source');
  const vmDir = join(dir, 'vm');
  for (const path of [source, vmDir, join(vmDir, 'root'), join(vmDir, 'hostpaths')]) mkdirSync(path);
  try {
    mount('-t', 'tmpfs', 'one', source);
    for (const name of ['b c', 'later']) mkdirSync(join(source, name));
    mount('-t', 'tmpfs', 'two', join(source, 'b c'));
    writeFileSync(join(source, 'b c/file'), 'inner');
    await bindHostPaths(vmDir, [
      { source, readOnly: true },
      { source, readOnly: false },
      { source: join(source, 'b c/file'), readOnly: true },
    ]);
    const at = (place: string): string => join(vmDir, 'hostpaths', place);
    for (const place of ['0/b c/file', '1/b c/file', '2'])
      assert.equal(readFileSync(at(place), 'utf8'), 'inner');
    for (const place of ['0/new', '0/b c/new', '0/b c/file', '2']) {
      assert.throws(() => writeFileSync(at(place), ''), { code: 'EROFS' }, place);
    }
    writeFileSync(at('1/b c/file'), 'changed');
    assert.equal(readFileSync(at('0/b c/file'), 'utf8'), 'changed');
    // What the host mounts later is its own.
    mount('-t', 'tmpfs', 'three', join(source, 'later'));
    writeFileSync(join(source, 'later/file'), '');
    assert.ok(!existsSync(at('0/later/file')) && !existsSync(at('1/later/file')));
    await unmountBelow(vmDir);
    assert.deepEqual(await mountsBelow(vmDir), []);
    assert.equal(readFileSync(join(source, 'b c/file'), 'utf8'), 'changed');
  } finally {
    await unmountBelow(dir);
    rmSync(dir, { recursive: true });
  }
});
