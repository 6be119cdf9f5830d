import { codeOf, KraudError, newShortId } from '@kraud/base';
import type { Resources } from '@kraud/macro';
import type { ExecSession, ExecSpec, ProcessInfo, StatsSample } from '../contract.ts';
import { resourcesBody } from '../guest/bodies.ts';
import type { HostParts } from '../parts.ts';
import type { PodOwner } from '../pods/owner.ts';
import { inTime } from '../pods/patience.ts';
import type { Run } from '../pods/run.ts';

/** The run whose program is up; otherwise `conflict` in Docker's words. */
export function mustRun(owner: PodOwner): Run {
  const { run } = owner;
  if (!run) throw new KraudError('conflict', `container ${owner.uid} is not running`);
  return run;
}

const sigkill = 9;

/** A frozen container gets the signals that are meant to end it: it is let go after them. */
export async function kill(
  { clock, limits }: Pick<HostParts, 'clock' | 'limits'>,
  owner: PodOwner,
  container: string,
  signal: number,
): Promise<void> {
  const run = mustRun(owner);
  const timeoutMs = signal === sigkill ? limits.killGraceMs : limits.guestAnswerTimeoutMs;
  try {
    await inTime(run.guest.kill(container, signal), { clock, timeoutMs, signal: run.signal });
  } catch (error) {
    if (signal !== sigkill || codeOf(error) !== 'timeout') throw error;
    // What can't be ended from inside is ended from outside.
    return await run.vm.kill();
  }
  const spec = owner.pod.spec.containers.find(({ name }) => name === container);
  if (!run.paused || (signal !== sigkill && signal !== spec?.stopSignal)) return;
  try {
    await run.guest.resume(container);
  } catch (error) {
    // The kernel ends frozen processes too, and then the VM goes.
    if (!['conflict', 'not-found', 'unavailable'].includes(codeOf(error))) throw error;
  }
}

export async function exec(
  parts: HostParts,
  owner: PodOwner,
  container: string,
  spec: ExecSpec,
): Promise<ExecSession> {
  const { guest } = mustRun(owner);
  const { size, ...given } = spec;
  const started = await guest.exec(container, newShortId(parts.random), {
    ...given,
    rows: size?.rows ?? 0,
    cols: size?.cols ?? 0,
  });
  const exit = started.exit.then(({ code }) => ({ code }));
  exit.catch(() => {});
  return {
    pid: started.pid,
    output: () => started.output(),
    stdin: started.stdin,
    exit,
    resize: (to) => started.resize(to),
    detach: () => started.detach(),
  };
}

export async function stats(parts: HostParts, owner: PodOwner, container: string): Promise<StatsSample> {
  const sample = await mustRun(owner).guest.stats(container);
  const { blkio, net, memoryStats, ...numbers } = sample;
  return {
    ...numbers,
    memoryStats: { ...memoryStats },
    readAtMs: parts.clock.now(),
    block: { ...blkio },
    network: net.map((item) => ({ ...item })),
  };
}

export async function top(owner: PodOwner, container: string): Promise<ProcessInfo[]> {
  const processes = await mustRun(owner).guest.top(container);
  return processes.map(({ startNs, user, uid, ...process }) => ({
    ...process,
    uid,
    user: user || String(uid),
    startNs: BigInt(startNs),
  }));
}

export async function update(owner: PodOwner, container: string, resources: Resources): Promise<void> {
  await mustRun(owner).guest.update(container, resourcesBody(resources));
}
