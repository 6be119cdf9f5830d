import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isErrno, type Logger, messageOf } from '@kraud/base';

/** Where the daemons of this machine write; gone with a restart of the machine, as all networks are. */
const machineDir = '/run/kraud/subnets';

export interface SubnetBookParts {
  readonly dataDir: string;
  /** The data directory's own, as its file `instance` has it. */
  readonly instanceId: string;
  readonly logger: Logger;
  /** Default: the machine's. */
  readonly dir?: string;
}

interface Page {
  readonly instanceId: string;
  /** The daemon's data directory: while the instance is there, what the page says holds, whether or not the daemon runs. */
  readonly dataDir: string;
  /** The network namespace that its networks are in, in the kernel's words. */
  readonly namespace: string;
  readonly subnets: readonly string[];
}

/**
 * The subnets of all daemons on this machine, a page each. A daemon without pods has nothing in the kernel when it is down;
 * here the others see all the same what it will want when it comes back.
 */
export class SubnetBook {
  readonly #parts: SubnetBookParts;
  readonly #dir: string;
  #written: string | undefined;

  constructor(parts: SubnetBookParts) {
    this.#parts = parts;
    this.#dir = parts.dir ?? machineDir;
  }

  /** This daemon's page. A machine that has no room for it is told to the log, and to nobody else. */
  write(subnets: readonly string[]): void {
    const { instanceId, dataDir, logger } = this.#parts;
    const page: Page = { instanceId, dataDir, namespace: namespace(), subnets: subnets.toSorted() };
    const text = `${JSON.stringify(page)}\n`;
    if (text === this.#written) return;
    try {
      const path = join(this.#dir, `${instanceId}.json`);
      mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
      writeFileSync(`${path}.new`, text, { mode: 0o600 });
      renameSync(`${path}.new`, path);
      this.#written = text;
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'other daemons on this machine are not told of the subnets');
    }
  }

  /** What the others use in this network namespace. Pages of data directories that are no more are removed. */
  others(): string[] {
    const here = namespace();
    return names(this.#dir).flatMap((name) => {
      const path = join(this.#dir, name);
      const page = pageOf(path);
      if (!page || page.instanceId === this.#parts.instanceId) return [];
      if (!isThere(page)) rmSync(path, { force: true });
      else if (page.namespace === here) return page.subnets;
      return [];
    });
  }
}

const namespace = (): string => readlinkSync('/proc/self/ns/net');

function isThere({ dataDir, instanceId }: Page): boolean {
  try {
    return readFileSync(join(dataDir, 'instance'), 'utf8').trim() === instanceId;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

function names(dir: string): string[] {
  try {
    return readdirSync(dir).filter((name) => name.endsWith('.json'));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Undefined when it has just gone, or is none. */
function pageOf(path: string): Page | undefined {
  try {
    const value: Partial<Page> | null = JSON.parse(readFileSync(path, 'utf8'));
    const { instanceId, dataDir, namespace, subnets } = value ?? {};
    if (typeof instanceId !== 'string' || typeof dataDir !== 'string' || typeof namespace !== 'string')
      return;
    if (!Array.isArray(subnets) || !subnets.every(isSubnet)) return;
    return { instanceId, dataDir, namespace, subnets };
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const isSubnet = (value: unknown): value is string =>
  typeof value === 'string' && /^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/.test(value);
