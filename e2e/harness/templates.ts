import assert from 'node:assert/strict';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.ts';

/** What makes a template: a host that has another's needs none of its own. */
const files = ['templates', 'tsc-khz', 'accelerator.json'];

/** Where the clouds of one run leave their templates for each other; without it each makes its own. */
const shared = process.env.KRAUD_E2E_TEMPLATES;

/** From one data directory to another that has none yet. */
export async function copyTemplates(from: string, to: string): Promise<void> {
  const sources = files.map((file) => join(from, file)).filter((path) => existsSync(path));
  if (sources.length < files.length) return;
  mkdirSync(to, { recursive: true, mode: 0o700 });
  const { code, stderr } = await run('cp', ['-a', '--sparse=always', ...sources, to]);
  assert.equal(code, 0, stderr);
}

/** For a cloud that hasn't been started yet: what an earlier one has left. */
export async function takeTemplates(dataDir: string): Promise<void> {
  const to = join(dataDir, 'cradle');
  if (shared !== undefined && !existsSync(to)) await copyTemplates(join(shared, 'cradle'), to);
}

/** Of a cloud whose daemon has ended, unless another was earlier. */
export async function leaveTemplates(dataDir: string): Promise<void> {
  if (shared === undefined || existsSync(join(shared, 'cradle'))) return;
  const made = join(shared, `cradle-${process.pid}`);
  await copyTemplates(join(dataDir, 'cradle'), made);
  if (!existsSync(made)) return;
  try {
    renameSync(made, join(shared, 'cradle'));
  } catch {
    rmSync(made, { recursive: true, force: true });
  }
}
