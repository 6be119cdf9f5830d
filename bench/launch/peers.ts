import { spawn } from 'node:child_process';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { command, present } from '../command.ts';

/** Another way to run the same container on this machine. */
export interface Peer {
  readonly metric: string;
  run(): Promise<unknown>;
  stop(): Promise<void>;
}

/** dockerd + runc, if it is installed: one of our own on its own directory, never the machine's. */
async function dockerd(dir: string, tar: string): Promise<Peer | undefined> {
  if (!(await present('dockerd'))) return undefined;
  const home = join(dir, 'dockerd');
  mkdirSync(home, { recursive: true });
  const socket = join(home, 'docker.sock');
  const log = openSync(join(home, 'log'), 'a');
  const child = spawn(
    'dockerd',
    [
      '--data-root',
      join(home, 'data'),
      '--exec-root',
      join(home, 'exec'),
      '-p',
      join(home, 'pid'),
      '-H',
      `unix://${socket}`,
    ],
    { stdio: ['ignore', log, log] },
  );
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: join(home, 'client') };
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  };
  const deadline = Date.now() + 30_000;
  while (
    !(await command('docker', ['version'], { env }).then(
      () => true,
      () => false,
    ))
  ) {
    if (Date.now() > deadline || child.exitCode !== null) {
      if (child.exitCode === null) await stop();
      console.error('dockerd is installed but did not start; measuring without it');
      return undefined;
    }
    await delay(200);
  }
  await command('docker', ['import', tar, 'bench'], { env });
  return {
    metric: 'dockerd_run_ms',
    run: () => command('docker', ['run', '--rm', 'bench', '/bin/echo', 'hi'], { env }),
    stop,
  };
}

async function podman(dir: string, tar: string): Promise<Peer | undefined> {
  if (!(await present('podman'))) return undefined;
  const home = join(dir, 'podman');
  const base = ['--root', join(home, 'root'), '--runroot', join(home, 'run'), '--cgroup-manager', 'cgroupfs'];
  try {
    await command('podman', [...base, 'import', tar, 'bench']);
    await command('podman', [...base, 'run', '--rm', '--network', 'none', 'bench', '/bin/echo', 'hi']);
  } catch (error) {
    console.error(
      `podman is installed but can't run here (${String(error).slice(0, 200)}); measuring without it`,
    );
    return undefined;
  }
  return {
    metric: 'podman_run_ms',
    run: () => command('podman', [...base, 'run', '--rm', '--network', 'none', 'bench', '/bin/echo', 'hi']),
    stop: async () => {},
  };
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
  let count = 0;
  return {
    metric: 'runsc_run_ms',
    run: () => {
      count += 1;
      return command('runsc', [
        '--network=none',
        '--rootless=false',
        'run',
        '-bundle',
        bundle,
        `bench-${process.pid}-${count}`,
      ]);
    },
    stop: async () => {},
  };
}

export async function findPeers(dir: string, tar: string): Promise<Peer[]> {
  const found = [await dockerd(dir, tar), await podman(dir, tar), await runsc(dir, tar)];
  return found.filter((peer) => peer !== undefined);
}
