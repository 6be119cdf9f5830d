import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, run } from './harness/command.ts';
import { allPids, ofProcess } from './harness/processes.ts';

test('a run of tests that is interrupted leaves nothing', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kraud-interrupt-'));
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const args = [join(import.meta.dirname, '../tools/e2e.ts'), 'link.test'];
  const cwd = join(import.meta.dirname, '..');
  const child = spawn(process.execPath, args, { cwd, env: { ...env, TMPDIR: dir }, stdio: 'ignore' });
  const ended = once(child, 'exit');
  try {
    const isOurs = (pid: string): boolean =>
      ['cmdline', 'mountinfo'].some((file) => ofProcess(pid, file).includes(`${dir}/`));
    const vmms = (): string[] =>
      allPids().filter((pid) => ofProcess(pid, 'comm').startsWith('qemu-system') && isOurs(pid));
    await eventually('there is a VM', async () => vmms().length > 0, 120_000);
    const instances = readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('/instance'))
      .map((path) => readFileSync(join(dir, path), 'utf8').trim());
    assert.notEqual(instances.length, 0);
    child.kill('SIGINT');
    assert.deepEqual(await ended, [130, null]);
    assert.deepEqual(allPids().filter(isOurs), []);
    assert.deepEqual(readdirSync(dir), []);
    for (const id of instances) assert.ok(!existsSync(`/run/kraud/subnets/${id}.json`));
    const { stdout } = await run('sh', ['-c', `grep -F '${dir}/' /proc/mounts; true`]);
    assert.equal(stdout, '');
  } finally {
    child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
});
