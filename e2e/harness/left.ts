import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.ts';

/** What the kernel has of a daemon's data directory beside its processes. */
interface Left {
  readonly namespaces: readonly string[];
  readonly links: readonly string[];
  /** WireGuards that encrypt between hosts. */
  readonly tunnels: readonly string[];
  readonly tables: readonly string[];
  readonly mounts: readonly string[];
  readonly groups: readonly string[];
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

export async function leftOf(dir: string): Promise<Left> {
  const instance = join(dir, 'instance');
  // Nothing is named by it before it is there.
  const network = existsSync(instance) ? digest(readFileSync(instance, 'utf8').trim()).slice(0, 6) : 'none';
  const groups = digest(join(dir, 'cradle')).slice(0, 12);
  return {
    namespaces: await lines(`ip netns | grep -o 'kraud-${network}[0-9a-f]*'`),
    links: await lines(`ip -o link | grep -o 'kv${network}[0-9a-f]*'`),
    tunnels: await lines(`pgrep -af '[w]ireguard-go -f kw${network}'`),
    tables: await lines(`nft list tables | grep 'kraud-${network}'`),
    mounts: await lines(`cut -d ' ' -f 2 /proc/mounts | grep -F '${dir}/'`),
    groups: await lines(`find /sys/fs/cgroup -type d -path '*/kraud/${groups}*'`),
  };
}

/** Takes it away, once no process uses it. */
export async function clearLeft(dir: string): Promise<void> {
  const { namespaces, links, tables, mounts, groups } = await leftOf(dir);
  for (const name of namespaces) await run('ip', ['netns', 'del', name]);
  for (const name of links) await run('ip', ['link', 'del', name]);
  for (const table of tables) await run('sh', ['-c', `nft delete ${table}`]);
  for (const path of mounts.toReversed()) await run('umount', ['-l', path]);
  for (const path of groups.toReversed()) await run('rmdir', [path]);
}

async function lines(command: string): Promise<string[]> {
  const { stdout } = await run('sh', ['-c', `${command} | sort -u; true`]);
  return stdout.split('\n').filter((line) => line !== '');
}
