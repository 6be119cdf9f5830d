import { spawn } from 'node:child_process';

/** Runs a command to its end; its stdout, or an error with what it said. Bounded in time. */
export async function command(
  name: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; input?: Buffer; timeoutMs?: number } = {},
): Promise<string> {
  return await new Promise((resolve, reject) => {
    const child = spawn(name, args, {
      env: options.env ?? process.env,
      timeout: options.timeoutMs ?? 120_000,
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(Buffer.concat(out).toString());
      else reject(new Error(`${name} ${args.join(' ')}: ${signal ?? `exit ${code}`}: ${Buffer.concat(err)}`));
    });
    child.stdin.on('error', () => {});
    child.stdin.end(options.input);
  });
}

export async function present(name: string): Promise<boolean> {
  return await command('sh', ['-c', `command -v ${name}`]).then(
    () => true,
    () => false,
  );
}
