import { chown, mkdir, open, readdir, readFile, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, KraudError, type Logger, MiB, newShortId } from '@kraud/base';
import type { SizeClass } from '../contract.ts';
import { decodePattern, type Pattern } from '../disk/pattern.ts';
import { className } from './key.ts';
import { isIntact, sealTemplate } from './manifest.ts';

/** Of a VM that stands still: its memory, its device state, and what is on the writable disk that its guest has mounted. */
export interface TemplateFiles {
  readonly memoryPath: string;
  readonly statePath: string;
  readonly writablePath: string;
}

export interface Template extends TemplateFiles {
  readonly size: SizeClass;
  readonly key: string;
  readonly dir: string;
  /** Each clone has a disk like this. */
  readonly writable: Pattern;
}

/** Boots a VM of this class with its memory in its file, and leaves the others. */
export type Snapshot = (size: SizeClass, files: TemplateFiles) => Promise<void>;

/**
 * Templates on disk: `templates/BASIS/CLASS/{memory,state,writable,manifest.json}`. Made when first asked for; what
 * was made on another basis is removed. Every byte is checked before a template's first use in this process.
 */
export class TemplateStore {
  readonly #dir: string;
  readonly #basis: string;
  readonly #snapshot: Snapshot;
  readonly #logger: Logger;
  readonly #known = new Map<string, Promise<Template>>();
  readonly #ready = new Map<string, Template>();

  constructor(options: { dir: string; basis: string; snapshot: Snapshot; logger: Logger }) {
    this.#dir = options.dir;
    this.#basis = options.basis;
    this.#snapshot = options.snapshot;
    this.#logger = options.logger;
  }

  /** Removes what can't be used any more, and what a crash left half made. */
  async sweep(): Promise<void> {
    for (const entry of await entries(this.#dir)) {
      if (entry !== this.#basis) await rm(join(this.#dir, entry), { recursive: true });
    }
    for (const entry of await entries(join(this.#dir, this.#basis))) {
      if (entry.includes('.')) await rm(join(this.#dir, this.#basis, entry), { recursive: true });
    }
  }

  get(size: SizeClass): Promise<Template> {
    const name = className(size);
    const known = this.#known.get(name);
    if (known) return known;
    const found = this.#findOrMake(size, name);
    this.#known.set(name, found);
    found.then(
      (template) => this.#ready.set(name, template),
      () => this.#known.delete(name),
    );
    return found;
  }

  /** Whether a clone could be made without making the template first. */
  list(): Template[] {
    return [...this.#ready.values()];
  }

  /** A template that does not load is made anew, once, whoever finds out: the next one has its place on disk. */
  async discard(template: Template): Promise<void> {
    const name = className(template.size);
    if ((await this.#known.get(name)?.catch(() => undefined)) !== template) return;
    this.#known.delete(name);
    this.#ready.delete(name);
    await rm(template.dir, { recursive: true, force: true });
  }

  async #findOrMake(size: SizeClass, name: string): Promise<Template> {
    const key = `${this.#basis}/${name}`;
    const dir = join(this.#dir, key);
    if (await isIntact(dir)) return await templateAt(dir, size, key);
    await rm(dir, { recursive: true, force: true });
    this.#logger.info({ class: name }, 'making a template');
    const makingDir = `${dir}.${newShortId()}`;
    const making = filesIn(makingDir);
    await mkdir(makingDir, { recursive: true, mode: 0o700 });
    try {
      await (await open(making.memoryPath, 'wx', 0o600)).close();
      await truncate(making.memoryPath, size.memoryMiB * MiB);
      await this.#snapshot(size, making);
      await chown(making.memoryPath, 0, 0);
      await sealTemplate(makingDir);
      await rename(makingDir, dir);
    } catch (error) {
      await rm(makingDir, { recursive: true, force: true });
      if (isErrno(error, 'ENOSPC')) {
        throw new KraudError('exhausted', 'no space on the host for a template', { cause: error });
      }
      throw error;
    }
    return await templateAt(dir, size, key);
  }
}

async function templateAt(dir: string, size: SizeClass, key: string): Promise<Template> {
  const files = filesIn(dir);
  return { ...files, size, key, dir, writable: decodePattern(await readFile(files.writablePath)) };
}

const filesIn = (dir: string): TemplateFiles => ({
  memoryPath: join(dir, 'memory'),
  statePath: join(dir, 'state'),
  writablePath: join(dir, 'writable'),
});

async function entries(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
