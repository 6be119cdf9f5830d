import { KraudError } from '@kraud/base';
import type { HostPaths } from '../../host-paths.ts';
import type { HostSource } from './mounts.ts';

/**
 * Holds the host paths of a draft against Docker's rules: `--mount` wants them there, `-v` makes missing directories.
 * Nothing is made before everything has been looked at and `beforeMaking` had its say.
 */
export async function settleHostSources(
  sources: readonly HostSource[],
  paths: HostPaths,
  beforeMaking: () => Promise<unknown>,
): Promise<void> {
  const missing: string[] = [];
  for (const { path, make } of sources) {
    const kind = await paths.kindOf(path);
    if (kind === 'socket') {
      throw new KraudError(
        'unsupported',
        `${path} is not supported: of unix sockets only the daemon's own can be mounted`,
      );
    }
    if (kind === 'other') {
      throw new KraudError(
        'unsupported',
        `${path} is not supported: only files and directories can be mounted`,
      );
    }
    if (kind !== 'missing') continue;
    if (!make) {
      throw new KraudError(
        'invalid',
        `invalid mount config for type "bind": bind source path does not exist: ${path}`,
      );
    }
    missing.push(path);
  }
  if (missing.length === 0) return;
  await beforeMaking();
  for (const path of missing) await paths.makeDirectory(path);
}
