import { KraudError } from '@kraud/base';
import type { ImageConfig } from '@kraud/host';
import type { ContainerDraft } from '../contract.ts';

const pathDefault = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The command line: `command` replaces the image's entrypoint and, without `args`, drops its cmd too; `args` alone
 * replaces cmd. An empty string as only entrypoint switches the image's off.
 */
export function resolveArgs(draft: ContainerDraft, image: ImageConfig): string[] {
  const command = draft.command;
  const cleared = command?.length === 1 && command[0] === '';
  const entrypoint = command === undefined ? (image.entrypoint ?? []) : cleared ? [] : command;
  const cmd = draft.args ?? (command === undefined ? (image.cmd ?? []) : []);
  const args = [...entrypoint, ...cmd];
  if (args.length === 0) throw new KraudError('invalid', 'no command specified');
  return args;
}

/**
 * The image's variables, overlaid by the draft's. `NAME` without `=` stays so: it takes the variable away, a default one of
 * the guest's too.
 */
export function resolveEnv(draft: readonly string[], image: readonly string[]): string[] {
  const nameOf = (line: string): string => line.split('=', 1)[0] ?? '';
  const result = new Map<string, string>();
  for (const line of [pathDefault, ...image]) result.set(nameOf(line), line);
  for (const line of draft) {
    const name = nameOf(line);
    if (name === '') throw new KraudError('invalid', `invalid environment variable: ${line}`);
    if (line.includes('\0'))
      throw new KraudError('invalid', `invalid environment variable: ${name} contains NUL`);
    result.set(name, line);
  }
  return [...result.values()];
}
