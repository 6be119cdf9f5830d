import { newShortId } from '@kraud/base';
import { type Container, monitorHealth, type Pod, type PodStatus, type Probe } from '@kraud/macro';
import type { HostParts } from '../parts.ts';
import type { Run } from '../pods/run.ts';
import { probeArgs } from './probe-args.ts';

const sigkill = 9;

export interface HealthProbesOptions {
  readonly parts: HostParts;
  readonly pod: Pod;
  readonly run: Run;
  readonly write: (change: (pod: Pod) => PodStatus | undefined) => Promise<void>;
}

/** Asks the containers of one run for their health, and writes each answer to the pod's status. */
export class HealthProbes {
  readonly #options: HealthProbesOptions;
  readonly #stop = new AbortController();
  readonly #loops: Promise<void>[] = [];

  constructor(options: HealthProbesOptions) {
    this.#options = options;
  }

  start(): void {
    for (const container of this.#options.pod.spec.containers) this.#monitor(container);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
  }

  #monitor(container: Container): void {
    const { health: check, name } = container;
    const args = check && probeArgs(check.test);
    if (!check || !args) return;
    const { run, parts, pod } = this.#options;
    const startedAtNs = run.startedAtNs.get(name);
    const before = pod.status.containers.find((status) => status.name === name)?.health;
    const options = {
      check,
      startedAtMs: startedAtNs === undefined ? parts.clock.now() : Number(startedAtNs / 1_000_000n),
      ...(run.adopted && before ? { state: before } : {}),
      probe: this.#probe(container, args),
      publish: (health: NonNullable<typeof before>) => this.#publish(name, health),
      clock: parts.clock,
    };
    this.#loops.push(monitorHealth(options, AbortSignal.any([this.#stop.signal, run.signal])));
  }

  async #publish(
    name: string,
    health: NonNullable<PodStatus['containers'][number]['health']>,
  ): Promise<void> {
    const { write, run } = this.#options;
    await write((pod) => {
      if (pod.status.phase !== 'running' && pod.status.phase !== 'paused') return undefined;
      if (pod.status.serial < run.serial || run.ends.has(name)) return undefined;
      const containers = pod.status.containers.map((status) =>
        status.name === name ? { ...status, health } : status,
      );
      return { ...pod.status, containers };
    });
  }

  #probe(container: Container, args: string[]): Probe {
    const { run, parts } = this.#options;
    return async (signal, heard) => {
      const exec = await run.guest.exec(container.name, `health-${newShortId(parts.random)}`, {
        args,
        env: [],
        cwd: container.cwd,
        user: container.user,
        tty: false,
        stdin: false,
        privileged: container.privileged,
        rows: 0,
        cols: 0,
      });
      // Asked for last: a connection that is lost before would leave it to nobody.
      exec.exit.catch(() => {});
      const giveUp = (): void => {
        exec.kill(sigkill).catch(() => {});
        exec.detach();
      };
      signal.addEventListener('abort', giveUp, { once: true });
      try {
        const output = await readStart(exec.output(), parts.limits.healthOutputBytes, heard);
        return { exitCode: (await exec.exit).code, output };
      } finally {
        signal.removeEventListener('abort', giveUp);
      }
    };
  }
}

/** Reads everything, keeps the beginning, of which `heard` is told as it grows. */
async function readStart(
  output: AsyncIterable<{ data: Buffer }>,
  bytesMax: number,
  heard: (output: string) => void,
): Promise<string> {
  const kept: Buffer[] = [];
  let size = 0;
  for await (const { data } of output) {
    if (size < bytesMax) {
      kept.push(data.subarray(0, bytesMax - size));
      heard(Buffer.concat(kept).toString('utf8'));
    }
    size += data.length;
  }
  return Buffer.concat(kept).toString('utf8');
}
