import { type Clock, messageOf, newShortId } from '@kraud/base';
import type { Container, HealthState, Pod, PodStatus } from '@kraud/macro';
import type { HostParts } from '../parts.ts';
import type { Run } from '../pods/run.ts';
import { isoOf, nsOfMs } from '../pods/times.ts';
import { nextHealth, type ProbeResult, probeArgs, probeDelayMs } from './health.ts';

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
  #loops: Promise<void>[] = [];

  constructor(options: HealthProbesOptions) {
    this.#options = options;
  }

  start(): void {
    for (const container of this.#options.pod.spec.containers) {
      if (container.health && probeArgs(container.health.test)) this.#loops.push(this.#loop(container));
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
  }

  async #loop(container: Container): Promise<void> {
    const { health: check, name } = container;
    const { run, parts, pod } = this.#options;
    if (!check) return;
    const signal = AbortSignal.any([this.#stop.signal, run.signal]);
    const { clock } = parts;
    const startedMs = clock.monotonic();
    let state: HealthState = pod.status.containers.find((status) => status.name === name)?.health ?? {
      status: 'starting',
      failingStreak: 0,
      log: [],
    };
    while (!signal.aborted) {
      const delayMs = probeDelayMs(state, check, clock.monotonic() - startedMs);
      await clock.sleep(delayMs, signal).catch(() => {});
      if (signal.aborted || run.ends.has(name)) return;
      if (run.paused) continue;
      const result = await this.#probe(container, check.timeoutMs, signal);
      if (signal.aborted) return;
      state = nextHealth(state, result, check, clock.monotonic() - startedMs);
      await this.#record(name, state);
    }
  }

  async #record(name: string, health: HealthState): Promise<void> {
    const { write, run, parts } = this.#options;
    try {
      await write((pod) => {
        if (pod.status.phase !== 'running' && pod.status.phase !== 'paused') return undefined;
        if (pod.status.serial < run.serial) return undefined;
        const containers = pod.status.containers.map((status) =>
          status.name === name ? { ...status, health } : status,
        );
        return { ...pod.status, containers };
      });
    } catch (error) {
      parts.logger.warn({ container: name, error: messageOf(error) }, 'a health state was not written');
    }
  }

  async #probe(container: Container, timeoutMs: number, signal: AbortSignal): Promise<ProbeResult> {
    const { run, parts } = this.#options;
    const { clock, random, limits } = parts;
    const start = stamp(clock);
    const done = (exitCode: number, output: string): ProbeResult => ({
      start,
      end: stamp(clock),
      exitCode,
      output,
    });
    const deadline = new AbortController();
    try {
      const exec = await run.guest.exec(container.name, `health-${newShortId(random)}`, {
        args: probeArgs(container.health?.test ?? []) ?? [],
        env: [],
        cwd: container.cwd,
        user: container.user,
        tty: false,
        stdin: false,
        privileged: container.privileged,
        rows: 0,
        cols: 0,
      });
      const output = collect(exec.output(), limits.healthOutputBytes);
      const finished = (async () => {
        await output.ended;
        return await exec.exit;
      })();
      finished.catch(() => {});
      const late = clock
        .sleep(timeoutMs, AbortSignal.any([deadline.signal, signal]))
        .then(() => 'late' as const)
        .catch(() => 'stopped' as const);
      const first = await Promise.race([finished, late]);
      if (first === 'late') {
        await exec.kill(sigkill).catch(() => {});
        exec.detach();
        return done(-1, `Health check exceeded timeout (${timeoutMs} ms)`);
      }
      if (first === 'stopped') {
        exec.detach();
        return done(-1, output.text());
      }
      return done(first.code, output.text());
    } catch (error) {
      return done(-1, messageOf(error));
    } finally {
      deadline.abort();
    }
  }
}

const stamp = (clock: Clock): string => isoOf(nsOfMs(clock.now()));

/** Reads everything, keeps the beginning. */
function collect(
  output: AsyncIterable<{ data: Buffer }>,
  bytesMax: number,
): { ended: Promise<void>; text: () => string } {
  const kept: Buffer[] = [];
  let size = 0;
  const ended = (async () => {
    for await (const { data } of output) {
      if (size < bytesMax) kept.push(data.subarray(0, bytesMax - size));
      size += data.length;
    }
  })();
  return { ended, text: () => Buffer.concat(kept).toString('utf8') };
}
