import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KraudError } from '@kraud/base';
import { getJson } from '../client.ts';
import { logFileOf, pidFileOf } from '../place.ts';
import { runningPid } from '../process.ts';

const startTimeoutMs = 60_000;

/** Starts the local daemon in the background and waits until it answers. One that runs already is left alone. */
export async function up(options: {
  dataDir: string;
  socket: string;
  config?: string | undefined;
  /** Handed on to kraudd. */
  flags: readonly string[];
  json: boolean;
}): Promise<void> {
  let pid = runningPid(pidFileOf(options.dataDir));
  const started = pid === undefined;
  if (pid === undefined) {
    mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
    const log = openSync(logFileOf(options.dataDir), 'a', 0o600);
    const main = join(import.meta.dirname, '../../../daemon/src/main.ts');
    const args = [main, '--data-dir', options.dataDir, '--docker', `unix://${options.socket}`];
    if (options.config !== undefined) args.push('--config', options.config);
    args.push(...options.flags);
    const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log, log] });
    let ended: string | undefined;
    child.on('exit', (code, signal) => {
      ended = signal ?? `exit code ${code}`;
    });
    child.unref();
    pid = child.pid;
    await answering(options, () => ended);
  }
  if (options.json) {
    console.log(JSON.stringify({ pid, socket: options.socket, dataDir: options.dataDir, started }));
    return;
  }
  console.log(`${started ? 'started' : 'already running'}: kraudd, pid ${pid}, data in ${options.dataDir}`);
  console.log(`\n  export DOCKER_HOST=unix://${options.socket}\n  docker ps\n`);
}

async function answering(
  options: { dataDir: string; socket: string },
  ended: () => string | undefined,
): Promise<void> {
  const startedAt = Date.now();
  for (;;) {
    const answer = await getJson(options.socket, '/version').catch(() => undefined);
    if (answer) return;
    const end = ended();
    if (end !== undefined || Date.now() - startedAt > startTimeoutMs) {
      const log = readFileSync(logFileOf(options.dataDir), 'utf8').trimEnd().split('\n').slice(-5).join('\n');
      throw new KraudError(
        'unavailable',
        `kraudd ${end ? `ended at once (${end})` : 'does not answer'}; its last words:\n${log}`,
      );
    }
    await delay(50);
  }
}
