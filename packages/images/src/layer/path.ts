import { KraudError } from '@kraud/base';
import type { ImageLimits } from '../limits.ts';
import { show } from '../tar/reader.ts';

/**
 * The components of an archive's path, counted from the image's root.
 *
 * | path          | components    |
 * | ------------- | ------------- |
 * | `./a//b/`     | `a`, `b`      |
 * | `/etc/passwd` | `etc`, `passwd` |
 * | `./`          | –             |
 * | `a/../b`      | refused       |
 */
export function splitPath(path: string, limits: ImageLimits): string[] {
  if (path.length > limits.pathBytesMax)
    throw new KraudError('exhausted', `a path is longer than ${limits.pathBytesMax} bytes: ${show(path)}`);
  if (path.includes('\0')) throw new KraudError('corrupt', `a path contains a NUL byte: ${show(path)}`);
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  for (const part of parts) {
    if (part === '..') throw new KraudError('corrupt', `path escapes the image: ${show(path)}`);
    if (part.length > nameBytesMax)
      throw new KraudError('exhausted', `a file name is longer than ${nameBytesMax} bytes: ${show(path)}`);
  }
  if (parts.length > limits.pathDepthMax)
    throw new KraudError(
      'exhausted',
      `a path is deeper than ${limits.pathDepthMax} directories: ${show(path)}`,
    );
  return parts;
}

/** What Linux allows, and every file system that we write. */
const nameBytesMax = 255;
