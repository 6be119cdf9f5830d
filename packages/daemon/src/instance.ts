import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { isErrno, KraudError, newShortId } from '@kraud/base';

/** Tells this data directory's things in the kernel from another's; made once, the same for ever. */
export function instanceId(dataDir: string): string {
  const path = join(dataDir, 'instance');
  try {
    const id = readFileSync(path, 'utf8').trim();
    if (/^[0-9a-f]{12}$/.test(id)) return id;
    throw new KraudError('corrupt', `${path} should hold 12 hex digits`);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  const id = newShortId();
  writeDurably(path, `${id}\n`);
  return id;
}

function writeDurably(path: string, text: string): void {
  const file = openSync(`${path}.new`, 'w', 0o600);
  writeSync(file, text);
  fsyncSync(file);
  closeSync(file);
  renameSync(`${path}.new`, path);
}

/**
 * One daemon per data directory. The lock is an abstract unix socket, which the kernel frees when its holder dies,
 * however that happens; the pid file beside it is for people and for `kra`. Answers what gives both back.
 */
export async function claimDataDir(dataDir: string, id: string): Promise<() => void> {
  const lock = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    lock.once('error', (error) => {
      if (!isErrno(error, 'EADDRINUSE')) return reject(error);
      reject(new KraudError('conflict', `another kraudd uses ${dataDir}; end it first: kra down`));
    });
    lock.listen(`\0kraud-${id}`, resolve);
  });
  lock.unref();
  const path = join(dataDir, 'kraudd.pid');
  writeDurably(path, `${process.pid}\n`);
  return () => {
    if (readFileSync(path, 'utf8').trim() === String(process.pid)) rmSync(path);
    lock.close();
  };
}
