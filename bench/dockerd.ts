import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { command, present } from './command.ts';

const upTimeoutMs = 30_000;

/** A dockerd of our own. */
export interface Dockerd {
  /** Also of the namespace that its bridge and its ports are in. */
  readonly pid: number;
  readonly socket: string;
  docker(...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

/**
 * dockerd + runc, if it is installed: on its own directory, never the machine's, with an image `bench` of `tar`. Its bridge and its
 * rules are in a network namespace that goes with it, so that it changes nothing of the network that all others are measured on.
 */
export async function startDockerd(dir: string, tar: string): Promise<Dockerd | undefined> {
  if (!(await present('dockerd'))) return undefined;
  const home = join(dir, 'dockerd');
  mkdirSync(home, { recursive: true });
  const socket = join(home, 'docker.sock');
  const log = openSync(join(home, 'log'), 'a');
  const dirs = ['--data-root', join(home, 'data'), '--exec-root', join(home, 'exec')];
  const options = [...dirs, '-p', join(home, 'pid'), '-H', `unix://${socket}`];
  const inNamespace = ['--net', 'sh', '-c', 'ip link set lo up && exec dockerd "$@"', 'sh'];
  const child = spawn('unshare', [...inNamespace, ...options], { stdio: ['ignore', log, log] });
  closeSync(log);
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: join(home, 'client') };
  const docker = (...args: string[]): Promise<string> => command('docker', args, { env });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  const isUp = (): Promise<boolean> =>
    docker('version').then(
      () => true,
      () => false,
    );
  const deadline = Date.now() + upTimeoutMs;
  while (!(await isUp())) {
    if (Date.now() > deadline || child.exitCode !== null) {
      if (child.exitCode === null) await stop();
      const words = readFileSync(join(home, 'log'), 'utf8').trimEnd().split('\n').slice(-3).join('\n');
      console.error(`dockerd is installed but did not start; measuring without it:\n${words}`);
      return undefined;
    }
    await delay(200);
  }
  await docker('import', tar, 'bench');
  return { pid: child.pid ?? 0, socket, docker, stop };
}
