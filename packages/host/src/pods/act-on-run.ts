import type { Pod } from '@kraud/macro';
import { ignoring } from './ignoring.ts';
import { type Run, sharesFiles } from './run.ts';

const sigkill = 9;

/** Stops or continues the programs of all containers that are up. */
export async function setPaused(pod: Pod, run: Run, paused: boolean): Promise<void> {
  await each(pod, run, (name) => (paused ? run.guest.pause(name) : run.guest.resume(name)));
  run.paused = paused;
}

/** How long the containers may take to end after `signalStop`, ms; undefined: for ever. */
export function stopTimeoutMs({ spec }: Pod): number | undefined {
  const timeouts = spec.containers.map(({ stopTimeoutMs }) => spec.run.stop?.timeoutMs ?? stopTimeoutMs);
  return timeouts.some((ms) => ms < 0) ? undefined : Math.max(...timeouts);
}

/** Asks each container to end with the signal that it wants for it. A paused one is continued, so that it can. */
export function signalStop(pod: Pod, run: Run): Promise<unknown> {
  const { run: wanted, containers } = pod.spec;
  const signals = new Map(
    containers.map(({ name, stopSignal }) => [name, wanted.stop?.signal ?? stopSignal]),
  );
  return each(pod, run, async (name) => {
    await ignoring('conflict', run.guest.kill(name, signals.get(name) ?? sigkill));
    if (run.paused) await run.guest.resume(name);
  });
}

/** Ends each container, or the VM at once where nobody will miss what is in it. */
export async function killAll(pod: Pod, run: Run): Promise<void> {
  // A pod that goes for good and shares nothing: its VM is ended with all that is in it.
  if (pod.meta.deletedAt !== undefined && !sharesFiles(run)) return await run.vm.kill();
  await each(pod, run, async (name) => {
    await run.guest.kill(name, sigkill);
    if (run.paused) await run.guest.resume(name);
  });
}

function each(pod: Pod, run: Run, act: (name: string) => Promise<void>): Promise<unknown> {
  const up = pod.spec.containers.filter(({ name }) => !run.ends.has(name));
  // One that ended meanwhile needs nothing.
  return Promise.all(up.map(({ name }) => ignoring('conflict', act(name))));
}
