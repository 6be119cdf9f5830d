import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { command, present } from '../command.ts';

/** Another way to run the same container on this machine. */
export interface Peer {
  readonly metric: string;
  run(): Promise<unknown>;
  stop(): Promise<void>;
}

const echo = ['bench', '/bin/echo', 'hi'];

/**
 * dockerd + runc, if it is installed: one of our own on its own directory, never the machine's. Its bridge and its rules are
 * in a network namespace that goes with it, so that it changes nothing of the network that all others are measured on.
 */
async function dockerd(dir: string, tar: string): Promise<Peer | undefined> {
  if (!(await present('dockerd'))) return undefined;
  const home = join(dir, 'dockerd');
  mkdirSync(home, { recursive: true });
  const socket = `unix://${join(home, 'docker.sock')}`;
  const log = openSync(join(home, 'log'), 'a');
  const dirs = [
    '--data-root',
    join(home, 'data'),
    '--exec-root',
    join(home, 'exec'),
    '-p',
    join(home, 'pid'),
  ];
  const inNamespace = ['--net', 'sh', '-c', 'ip link set lo up && exec dockerd "$@"', 'sh'];
  const child = spawn('unshare', [...inNamespace, ...dirs, '-H', socket], { stdio: ['ignore', log, log] });
  closeSync(log);
  const env = { ...process.env, DOCKER_HOST: socket, DOCKER_CONFIG: join(home, 'client') };
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  const isUp = (): Promise<boolean> =>
    command('docker', ['version'], { env }).then(
      () => true,
      () => false,
    );
  const deadline = Date.now() + 30_000;
  while (!(await isUp())) {
    if (Date.now() > deadline || child.exitCode !== null) {
      if (child.exitCode === null) await stop();
      const words = readFileSync(join(home, 'log'), 'utf8').trimEnd().split('\n').slice(-3).join('\n');
      console.error(`dockerd is installed but did not start; measuring without it:\n${words}`);
      return undefined;
    }
    await delay(200);
  }
  await command('docker', ['import', tar, 'bench'], { env });
  return {
    metric: 'dockerd_run_ms',
    run: () => command('docker', ['run', '--rm', ...echo], { env }),
    stop,
  };
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
