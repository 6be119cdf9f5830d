import { spawn } from 'node:child_process';

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end, whatever its exit code. Bounded in time. */
export async function run(
  name: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; input?: string | Buffer; timeoutMs?: number } = {},
): Promise<Result & { raw: Buffer }> {
  return await new Promise((resolve, reject) => {
    const child = spawn(name, args, { env: options.env ?? process.env });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(
        new Error(
          `${name} ${args.join(' ')}: no end within ${options.timeoutMs ?? 60_000} ms; stderr: ${Buffer.concat(err)}`,
        ),
      );
    }, options.timeoutMs ?? 60_000);
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      const raw = Buffer.concat(out);
      resolve({ code, stdout: raw.toString(), stderr: Buffer.concat(err).toString(), raw });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

const pollMsMin = 25;
const pollMsMax = 250;

/**
 * Asks until the answer is there; fails with what was last seen. The longer it waits the less often it asks, a tenth of the
 * wait apart: most that is asked is a program, and takes the processors from what is waited for.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const began = performance.now();
  let last: unknown;
  for (;;) {
    try {
      const answer = await look();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = error;
    }
    const waitedMs = performance.now() - began;
    if (waitedMs > timeoutMs)
      throw new Error(`not within ${timeoutMs} ms: ${what}${last ? ` (${last})` : ''}`);
    const pollMs = Math.min(Math.max(waitedMs / 10, pollMsMin), pollMsMax);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
