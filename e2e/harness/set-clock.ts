import assert from 'node:assert/strict';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A daemon's own wall clock, which a test sets while the daemon runs: libfaketime, fetched by set-up. Its monotonic
 * clock goes on, as when somebody sets the time of a machine.
 */
export class SetClock {
  readonly #path: string;

  /** `path` is a file that says how far the clock is off. */
  constructor(path: string) {
    this.#path = path;
    this.set(0);
  }

  /** What the daemon is to be started with. */
  get env(): NodeJS.ProcessEnv {
    const library = join(process.env.KRAUD_CACHE ?? '/var/cache/kraud', 'bin/libfaketimeMT.so.1');
    assert.ok(existsSync(library), 'libfaketime is needed: tools/setup/setup faketime');
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#path,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
  }

  /** The daemon sees it within a second. */
  set(offsetS: number): void {
    writeFileSync(`${this.#path}.new`, `${offsetS < 0 ? '' : '+'}${offsetS}\n`);
    renameSync(`${this.#path}.new`, this.#path);
  }

  /** Takes away what the library of a process that was killed leaves. */
  forget(pid: number): void {
    for (const name of [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`]) {
      rmSync(join('/dev/shm', name), { force: true });
    }
  }
}
