import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Takes away what other daemons are told of a data directory that goes, from the machine's pages unless told otherwise: the
 * next daemon would do it too.
 */
export function forgetSubnets(dataDir: string, pages = '/run/kraud/subnets'): void {
  const instance = join(dataDir, 'instance');
  if (!existsSync(instance)) return;
  rmSync(join(pages, `${readFileSync(instance, 'utf8').trim()}.json`), { force: true });
}
