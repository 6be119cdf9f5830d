import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, present } from '../command.ts';
import { startDockerd } from '../dockerd.ts';

/** Another way to run the same container on this machine. */
export interface Peer {
  readonly metric: string;
  run(): Promise<unknown>;
  stop(): Promise<void>;
}

const echo = ['bench', '/bin/echo', 'hi'];

async function dockerd(dir: string, tar: string): Promise<Peer | undefined> {
  const daemon = await startDockerd(dir, tar);
  return (
    daemon && {
      metric: 'dockerd_run_ms',
      run: () => daemon.docker('run', '--rm', ...echo),
      stop: daemon.stop,
    }
  );
}

/**
 * podman, without a network: there is no daemon that would keep one. With crun, as Debian installs it, or with runc where
 * the machine's control groups are too old for crun.
 */
async function podman(dir: string, tar: string): Promise<Peer | undefined> {
  if (!(await present('podman'))) return undefined;
  const home = join(dir, 'podman');
  const [root, run, tmp] = [join(home, 'root'), join(home, 'run'), join(home, 'tmp')];
  const base = ['--root', root, '--runroot', run, '--tmpdir', tmp, '--cgroup-manager', 'cgroupfs'];
  // Its own defaults are above what a machine may allow.
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
  const options = ['--rm', ...limits, '--network', 'none', '--pull', 'never'];
  const stop = async (): Promise<void> => {
    await command('podman', [...base, 'system', 'reset', '--force']);
  };
  try {
    await command('podman', [...base, 'import', tar, 'bench']);
    for (const runtime of ['crun', 'runc']) {
      const start = (): Promise<string> =>
        command('podman', [...base, '--runtime', runtime, 'run', ...options, ...echo]);
      const fault = await start().then(
        () => undefined,
        (error: unknown) => String(error),
      );
      console.error(fault === undefined ? `podman runs with ${runtime}` : `podman with ${runtime}: ${fault}`);
      if (fault === undefined) return { metric: 'podman_run_ms', run: start, stop };
    }
  } catch (error) {
    console.error(`podman is installed but has no image: ${error}`);
  }
  await stop().catch(() => {});
  return undefined;
}

/** gVisor alone, without a daemon in front of it. */
async function runsc(dir: string, tar: string): Promise<Peer | undefined> {
  if (!(await present('runsc'))) return undefined;
  const bundle = join(dir, 'runsc');
  mkdirSync(join(bundle, 'rootfs'), { recursive: true });
  await command('tar', ['-C', join(bundle, 'rootfs'), '-xf', tar]);
  writeFileSync(
    join(bundle, 'config.json'),
    JSON.stringify({
      ociVersion: '1.0.0',
      process: { user: { uid: 0, gid: 0 }, args: ['/bin/echo', 'hi'], cwd: '/', env: ['PATH=/bin'] },
      root: { path: 'rootfs', readonly: true },
      linux: { namespaces: [{ type: 'pid' }, { type: 'mount' }, { type: 'network' }] },
    }),
  );
  const options = ['--root', join(bundle, 'state'), '--network=none', '--rootless=false'];
  let count = 0;
  const start = (): Promise<string> => {
    count += 1;
    return command('runsc', [...options, 'run', '-bundle', bundle, `bench-${process.pid}-${count}`]);
  };
  try {
    await start();
  } catch (error) {
    console.error(`runsc is installed but can't run here; measuring without it: ${error}`);
    return undefined;
  }
  return { metric: 'runsc_run_ms', run: start, stop: async () => {} };
}

export async function findPeers(dir: string, tar: string): Promise<Peer[]> {
  const found = [await dockerd(dir, tar), await podman(dir, tar), await runsc(dir, tar)];
  return found.filter((peer) => peer !== undefined);
}
