import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, newShortId } from '@kraud/base';
import { runIn } from '../kernel/run.ts';

/** What encrypts between hosts, and why that. */
export interface TunnelChoice {
  readonly kind: 'kernel' | 'wireguard-go' | 'none';
  /** For people. */
  readonly reason: string;
  /** Path of the program, where it is one. */
  readonly program?: string;
}

/** Tries to make a device: what a kernel's configuration says proves nothing. `dirs` hold programs beside those of `PATH`. */
export async function chooseTunnel(dirs: readonly string[] = []): Promise<TunnelChoice> {
  const refusal = await kernelRefusal();
  const wg = findProgram('wg', []);
  if (refusal === undefined && wg !== undefined)
    return { kind: 'kernel', reason: 'the kernel has WireGuard' };
  const why = refusal ?? 'the kernel has WireGuard, but there is no wg (package wireguard-tools)';
  const program = findProgram('wireguard-go', dirs);
  if (program !== undefined) return { kind: 'wireguard-go', reason: why, program };
  return { kind: 'none', reason: `${why}, and there is no wireguard-go (package wireguard-go)` };
}

/** Undefined when it does. */
async function kernelRefusal(): Promise<string | undefined> {
  const name = `kwtry${newShortId().slice(0, 8)}`;
  try {
    await runIn('host', ['ip', 'link', 'add', 'name', name, 'type', 'wireguard']);
  } catch (error) {
    const [, said = messageOf(error)] =
      /(?:Error|RTNETLINK answers): (.*?)\.?$/m.exec(messageOf(error)) ?? [];
    return `the kernel has no WireGuard (${said})`;
  }
  await runIn('host', ['ip', 'link', 'del', 'dev', name]);
  return undefined;
}

function findProgram(name: string, dirs: readonly string[]): string | undefined {
  const path = [...(process.env.PATH ?? '').split(':'), '/usr/local/bin', '/usr/bin', '/usr/sbin', ...dirs];
  return path.map((dir) => join(dir, name)).find((file) => file.startsWith('/') && existsSync(file));
}
