import { KraudError, parseBytes } from '@kraud/base';

/** Flags that switch each other off, the default first. */
const pairs = [
  ['rw', 'ro'],
  ['nosuid', 'suid'],
  ['nodev', 'dev'],
  ['noexec', 'exec'],
  ['async', 'sync'],
  ['relatime', 'norelatime'],
  ['atime', 'noatime'],
  ['diratime', 'nodiratime'],
  ['nostrictatime', 'strictatime'],
] as const;
const defaults = ['rw', 'nosuid', 'nodev', 'noexec'];
const valued = /^(mode|uid|gid|nr_inodes|nr_blocks|mpol|size)=(.+)$/;

/**
 * The options of a tmpfs, with Docker's defaults where nothing else is said.
 *
 * | given        | options                               |
 * | ------------ | ------------------------------------- |
 * | –            | `rw,nosuid,nodev,noexec`              |
 * | `exec,size=1m` | `rw,nosuid,nodev,exec,size=1048576` |
 */
export function tmpfsOptions(given: readonly string[]): string {
  const flags = [...defaults];
  const values = new Map<string, string>();
  for (const option of given) {
    if (option === '') continue;
    const pair = pairs.find((names) => (names as readonly string[]).includes(option));
    const value = valued.exec(option);
    if (pair) {
      for (const name of pair) if (flags.includes(name)) flags.splice(flags.indexOf(name), 1);
      flags.push(option);
    } else if (value) {
      values.set(value[1] ?? '', checked(value[1] ?? '', value[2] ?? ''));
    } else {
      throw new KraudError('invalid', `Invalid tmpfs option "${option}"`);
    }
  }
  return [...flags, ...[...values].map(([name, value]) => `${name}=${value}`)].join(',');
}

function checked(name: string, value: string): string {
  if (name === 'size' && !value.endsWith('%')) return String(parseBytes(value));
  if (name === 'mode' && !/^[0-7]{1,4}$/.test(value))
    throw new KraudError('invalid', `Invalid tmpfs option "mode=${value}"`);
  if ((name === 'uid' || name === 'gid') && !/^\d+$/.test(value)) {
    throw new KraudError('invalid', `Invalid tmpfs option "${name}=${value}"`);
  }
  return value;
}
