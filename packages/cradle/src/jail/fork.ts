import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { KraudError } from '@kraud/base';
import type { ProcessMark } from '../process.ts';
import { type JailOptions, jailArguments, logOf, marked } from './launch.ts';

const answerBytesMax = 1024;
/** A thousand times what a fork takes on an idle machine. */
const answerTimeoutMs = 20_000;

/** Stands a VMM with the mould's preload still, for good; from then on it can be forked. */
export async function freezeMould(dir: string): Promise<void> {
  const answer = await ask(dir, ['freeze']);
  if (answer !== 'frozen') {
    throw new KraudError('unavailable', `the VMM can't be a mould: ${answer || (await logOf(dir))}`);
  }
}

/** Forks a frozen mould into a jail of its own; answers once the VMM has a pid. It survives the mould, and us. */
export async function forkJailed(
  mouldDir: string,
  options: Pick<JailOptions, 'dir' | 'uid' | 'cgroups' | 'hostPaths' | 'files' | 'tap'>,
): Promise<ProcessMark> {
  const pid = Number(await ask(mouldDir, jailArguments(options)));
  if (!Number.isInteger(pid) || pid <= 0) {
    throw new KraudError('unavailable', `the mould did not fork: ${await logOf(options.dir)}`);
  }
  return await marked(pid, options.dir);
}

/** One request and its answer, a line. The path may be longer than the 107 bytes that an address holds. */
async function ask(dir: string, words: readonly string[]): Promise<string> {
  await using run = await open(join(dir, 'run'));
  const socket = connect(join('/proc/self/fd', String(run.fd), 'mould.sock'));
  socket.setTimeout(answerTimeoutMs, () => socket.destroy(new Error(`not within ${answerTimeoutMs} ms`)));
  socket.end(words.map((word) => `${word}\0`).join(''));
  try {
    let text = '';
    for await (const chunk of socket) {
      text += String(chunk);
      if (text.endsWith('\n') || text.length > answerBytesMax) break;
    }
    return text.trim();
  } catch (error) {
    throw new KraudError('unavailable', 'the mould does not answer', { cause: error });
  } finally {
    socket.destroy();
  }
}
