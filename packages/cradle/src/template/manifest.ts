import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '@kraud/base';

/** The files of a template, each with what it has to be. */
const files = ['memory', 'state', 'writable'] as const;

interface FileFacts {
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Flushes a template's files and writes down what they are. */
export async function sealTemplate(dir: string): Promise<void> {
  const facts: Record<string, FileFacts> = {};
  for (const file of files) {
    await using handle = await open(join(dir, file), 'r+');
    await handle.chmod(0o444);
    await handle.sync();
    facts[file] = await factsOf(join(dir, file));
  }
  await writeFile(join(dir, 'manifest.json'), JSON.stringify(facts), { flush: true });
}

/** Whether every byte is what was sealed. */
export async function isIntact(dir: string): Promise<boolean> {
  try {
    const manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as Record<
      string,
      FileFacts
    >;
    for (const file of files) {
      const wanted = manifest[file];
      if (!wanted || (await stat(join(dir, file))).size !== wanted.sizeBytes) return false;
      if ((await factsOf(join(dir, file))).sha256 !== wanted.sha256) return false;
    }
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return false;
    throw error;
  }
}

async function factsOf(path: string): Promise<FileFacts> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk as Buffer);
    sizeBytes += (chunk as Buffer).length;
  }
  return { sizeBytes, sha256: hash.digest('hex') };
}
