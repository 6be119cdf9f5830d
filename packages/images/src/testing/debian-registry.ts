import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tempDir } from './open-store.ts';

const program = '/usr/bin/docker-registry';

/** A reason to skip, if Debian's package isn't there. */
export const registrySkip: string | false = existsSync(program) ? false : 'docker-registry is not installed';

/** Debian's `docker-registry` on loopback, with one user if `password` is given. Ends with the test. */
export async function debianRegistry(t: TestContext, password?: string): Promise<{ host: string }> {
  const dir = await tempDir(t);
  const port = await freePort();
  const lines = [
    'version: 0.1',
    'log: {level: error, accesslog: {disabled: true}}',
    `storage: {filesystem: {rootdirectory: ${join(dir, 'data')}}}`,
    `http: {addr: '127.0.0.1:${port}'}`,
  ];
  if (password !== undefined) {
    const made = spawnSync('htpasswd', ['-Bbn', '-C', '4', 'user', password], { encoding: 'utf8' });
    await writeFile(join(dir, 'htpasswd'), made.stdout);
    lines.push(`auth: {htpasswd: {realm: test, path: ${join(dir, 'htpasswd')}}}`);
  }
  await writeFile(join(dir, 'config.yml'), lines.join('\n'));
  const child = spawn(program, ['serve', join(dir, 'config.yml')], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  const host = `127.0.0.1:${port}`;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`docker-registry ended with ${child.exitCode}`);
    const answered = await fetch(`http://${host}/v2/`).then(
      () => true,
      () => false,
    );
    if (answered) return { host };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
