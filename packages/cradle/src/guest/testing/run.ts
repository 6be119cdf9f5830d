import { newShortId } from '@kraud/base';
import type { GuestClient } from '../client.ts';
import type { GuestExec } from '../exec.ts';
import type { ContainerConfig, ExecConfig, ExitReport } from '../types.ts';

export interface Result {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: ExitReport;
}

/** Starts a container that is set up, reads it to its end, and removes it. */
export async function output(guest: GuestClient, name: string): Promise<Result> {
  try {
    const started = guest.startContainer(name);
    const logs = await guest.logs(name);
    const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    await started;
    for await (const entry of logs) {
      parts[entry.stream].push(entry.bytes);
      logs.ack(entry.offset + BigInt(entry.bytes.length));
    }
    const exit = await guest.waitContainer(name);
    return {
      stdout: Buffer.concat(parts.stdout).toString(),
      stderr: Buffer.concat(parts.stderr).toString(),
      exit,
    };
  } finally {
    await guest.removeContainer(name);
  }
}

export async function run(guest: GuestClient, config: ContainerConfig): Promise<Result> {
  const name = newShortId();
  await guest.createContainer(name, config);
  return output(guest, name);
}

export async function finish(exec: GuestExec): Promise<Result> {
  const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  for await (const { stream, bytes } of exec) parts[stream].push(bytes);
  return {
    stdout: Buffer.concat(parts.stdout).toString(),
    stderr: Buffer.concat(parts.stderr).toString(),
    exit: await exec.exit,
  };
}

export async function execIn(guest: GuestClient, name: string, config: ExecConfig): Promise<Result> {
  return finish(await guest.exec(name, newShortId(), config));
}
