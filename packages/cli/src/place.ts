import { join } from 'node:path';

/** Where a local daemon is, when nobody says otherwise. */
export const dataDirDefault = process.env.KRAUD_DATA_DIR ?? '/var/lib/kraud';

/** The socket that `DOCKER_HOST` names, or the data directory's own. */
export function socketOf(options: { dataDir: string; docker?: string | undefined }): string {
  const address = options.docker ?? `unix://${join(options.dataDir, 'docker.sock')}`;
  return address.replace(/^unix:\/\//, '');
}

export const pidFileOf = (dataDir: string): string => join(dataDir, 'kraudd.pid');
export const logFileOf = (dataDir: string): string => join(dataDir, 'kraudd.log');
