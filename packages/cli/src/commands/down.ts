import { setTimeout as delay } from 'node:timers/promises';
import { KraudError } from '@kraud/base';
import { pidFileOf } from '../place.ts';
import { runningPid } from '../process.ts';

const stopTimeoutMs = 60_000;

/** Ends the local daemon. Pods go on, and the next daemon takes them over. */
export async function down(options: { dataDir: string; json: boolean }): Promise<void> {
  const pid = runningPid(pidFileOf(options.dataDir));
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM');
    const startedAt = Date.now();
    while (runningPid(pidFileOf(options.dataDir)) === pid) {
      if (Date.now() - startedAt > stopTimeoutMs) {
        throw new KraudError('timeout', `kraudd (pid ${pid}) did not end within ${stopTimeoutMs / 1000} s`);
      }
      await delay(50);
    }
  }
  if (options.json) console.log(JSON.stringify({ pid: pid ?? null, stopped: pid !== undefined }));
  else
    console.log(
      pid === undefined ? 'kraudd was not running' : `kraudd (pid ${pid}) has ended; its pods go on`,
    );
}
