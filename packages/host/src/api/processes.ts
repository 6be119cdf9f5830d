import { codeOf, KraudError, newShortId } from '@kraud/base';
import type { Pod, Resources } from '@kraud/macro';
import type { ExecSession, ExecSpec, ProcessInfo, StatsSample } from '../contract.ts';
import { resourcesBody } from '../guest/bodies.ts';
import type { HostParts } from '../parts.ts';
import type { PodOwner } from '../pods/owner.ts';
import { inTime } from '../pods/patience.ts';
import type { Run } from '../pods/run.ts';

const sigkill = 9;

/** A frozen container gets the signals that are meant to end it: it is let go after them. */
export function kill(
  parts: Pick<HostParts, 'clock' | 'limits'>,
  owner: PodOwner,
  container: string,
  signal: number,
): Promise<void> {
  return owner.use((run) => killIn(parts, run, owner.pod, container, signal));
}

async function killIn(
  { clock, limits }: Pick<HostParts, 'clock' | 'limits'>,
  run: Run,
  pod: Pod,
  container: string,
  signal: number,
): Promise<void> {
  const timeoutMs = signal === sigkill ? limits.killGraceMs : limits.guestAnswerTimeoutMs;
  try {
    await inTime(run.guest.kill(container, signal), { clock, timeoutMs, signal: run.signal });
  } catch (error) {
    if (signal !== sigkill || codeOf(error) !== 'timeout') throw error;
    // What can't be ended from inside is ended from outside.
    return await run.vm.kill();
  }
  const spec = pod.spec.containers.find(({ name }) => name === container);
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
  const { size, ...given } = spec;
  const id = newShortId(parts.random);
  const whole = { ...given, rows: size?.rows ?? 0, cols: size?.cols ?? 0 };
  const [started, release] = await owner.use(
    async ({ guest }) => [await guest.exec(container, id, whole), owner.hold()] as const,
  );
  const exit = started.exit.then(({ code }) => ({ code })).finally(release);
  exit.catch(() => {});
  return {
    pid: started.pid,
    output: () => started.output(),
    stdin: started.stdin,
    exit,
    resize: (to) => started.resize(to),
    detach: () => {
      release();
      started.detach();
    },
  };
}

export async function stats(parts: HostParts, owner: PodOwner, container: string): Promise<StatsSample> {
  // Who looks at all pods again and again must not keep them awake.
  const { run } = owner;
  if (!run) {
    throw new KraudError(
      'conflict',
      `container ${owner.uid} ${owner.isAsleep ? 'sleeps' : 'is not running'}`,
    );
  }
  const sample = await run.guest.stats(container);
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
  const processes = await owner.use(({ guest }) => guest.top(container));
  return processes.map(({ startNs, user, uid, ...process }) => ({
    ...process,
    uid,
    user: user || String(uid),
    startNs: BigInt(startNs),
  }));
}

export async function update(owner: PodOwner, container: string, resources: Resources): Promise<void> {
  await owner.use(({ guest }) => guest.update(container, resourcesBody(resources)));
}
