import { displacementOf, isDisplaced } from '../controllers/displace.ts';
import { isUp, type Pod } from '../model/index.ts';
import { demandOf } from '../scheduler/demand.ts';
import {
  Fleet,
  type Misfit,
  type Observed,
  planPlacements,
  type SchedulerLimits,
  schedulerDefaults,
} from '../scheduler/index.ts';
import { Search } from '../scheduler/search.ts';
import { advice, lasting } from './advice.ts';
import { type Predecessor, predecessorOf } from './predecessor.ts';
import { slowStart } from './start-time.ts';

/**
 * - `pending`: it waits for a place, and may get one. `refused`: no host may ever take it as things are.
 * - `starting`, `running`, `paused`, `stopped`: what it is, and nothing stands in its way.
 * - `asleep`: it runs, as a file without a VM, until somebody needs it.
 * - `slow`: it runs, and its start or its wake took long. `moved`: it had to leave a host.
 * - `failed`: it could not be started, or ended by itself with an error.
 */
export type WhyState =
  | 'pending'
  | 'refused'
  | 'starting'
  | 'running'
  | 'paused'
  | 'asleep'
  | 'slow'
  | 'moved'
  | 'stopped'
  | 'failed';

export interface WhyAnswer {
  readonly state: WhyState;
  /** The host that it is bound to. */
  readonly host: string | undefined;
  /** For people, the most important first. */
  readonly sentences: readonly string[];
  /** What each host says to it now: the first rule that speaks against it, or that it would do. */
  readonly hosts: readonly { readonly host: string; readonly why: string }[];
}

/** Why a pod is as it is. Pure: the same pod and world, the same answer. */
export function why(pod: Pod, seen: Observed, limits: SchedulerLimits = schedulerDefaults): WhyAnswer {
  const fleet = Fleet.of(seen, limits);
  fleet.removePod(pod.meta.uid);
  const verdicts = verdictsOn(pod, fleet);
  const hosts = verdicts.map(({ host, misfit }) => ({
    host,
    why: host === pod.spec.host ? 'it is here' : (misfit?.why ?? 'would do'),
  }));
  const before = predecessorOf(pod, seen);
  const answer =
    pod.spec.host === undefined ? unbound(pod, fleet, verdicts, before) : bound(pod, pod.spec.host, before);
  return { ...answer, host: pod.spec.host, hosts };
}

interface Verdict {
  readonly host: string;
  readonly misfit: Misfit | undefined;
}

function verdictsOn(pod: Pod, fleet: Fleet): Verdict[] {
  const { host: _, ...spec } = pod.spec;
  const search = new Search(fleet, demandOf({ ...pod, spec }, fleet.limits));
  return fleet.hosts.flatMap((host, slot) =>
    host ? [{ host: host.meta.name, misfit: search.misfit(slot) }] : [],
  );
}

const whatWakes =
  'wakes when something is sent to its ports or addresses, by `docker exec`, `cp`, `logs -f` and others that need it, and by `kra wake`';

type Said = Pick<WhyAnswer, 'state' | 'sentences'>;

function unbound(
  pod: Pod,
  fleet: Fleet,
  verdicts: readonly Verdict[],
  predecessor: Predecessor | undefined,
): Said {
  const made = planPlacements([pod], fleet);
  const [refusal] = made.refusals;
  const displacement = displacementOf(pod);
  const before = displacement
    ? [`it had to leave ${displacement.host}: ${displacement.reason}`]
    : said(predecessor?.sentence);
  if (!refusal) return { state: 'pending', sentences: ['it is being placed', ...before] };
  const rules = new Set(refusal.reasons.map(({ rule }) => rule));
  const never = verdicts.length > 0 && verdicts.every(({ misfit }) => misfit && lasting.has(misfit.rule));
  const help = [...rules].map((rule) => `what would help: ${advice[rule]}`);
  return { state: never ? 'refused' : 'pending', sentences: [refusal.message, ...before, ...help] };
}

function bound(pod: Pod, host: string, predecessor: Predecessor | undefined): Said {
  const { phase, message } = pod.status;
  const displacement = displacementOf(pod);
  if (displacement && isDisplaced(pod)) {
    const leaving = isUp(phase) ? 'it is leaving' : 'it has left';
    const back = pod.spec.restart.name === 'no' && pod.meta.owner === undefined;
    const next = back ? ['it has no restart policy, so it stays stopped until it is started again'] : [];
    return { state: 'moved', sentences: [`${leaving} ${host}: ${displacement.reason}`, ...next] };
  }
  const moved = displacement !== undefined || predecessor?.moved === true;
  const moves = said(displacement ? moveOf(displacement, host) : predecessor?.sentence);
  const error = pod.status.containers.find((container) => container.error !== '')?.error;
  const slow = slowStart(pod);
  const place = `it is on ${host}`;
  if (phase === 'starting' || phase === 'restarting')
    return { state: 'starting', sentences: [`${place}, ${phase}`, ...said(message), ...moves] };
  if (phase === 'paused') return { state: 'paused', sentences: [`${place}, paused by a user`, ...moves] };
  const { asleep } = pod.status;
  if (asleep) {
    const slept = `it is asleep since ${asleep.since}: ${asleep.why}`;
    return { state: 'asleep', sentences: [slept, `${place}, and ${whatWakes}`, ...moves] };
  }
  if (isUp(phase)) {
    const { sleep } = pod.spec;
    const falls = sleep ? [`it falls asleep once it has been idle for ${sleep.afterMs / 1000} s`] : [];
    const sentences = [...moves, ...said(slow), `${place}, ${phase}`, ...falls];
    return { state: moved ? 'moved' : slow === undefined ? 'running' : 'slow', sentences };
  }
  const ended = pod.status.containers.find((container) => container.exitCode !== 0);
  if (error !== undefined) return { state: 'failed', sentences: [`it could not start: ${error}`, place] };
  if (ended && !pod.spec.run.stoppedByUser) {
    const how = ended.oomKilled ? 'it ran out of memory' : `it ended with exit code ${ended.exitCode}`;
    return { state: 'failed', sentences: [how, ...said(message), place] };
  }
  const idle = phase === 'created' ? 'it was created and not started' : 'it has ended';
  return { state: 'stopped', sentences: [idle, ...said(message), place] };
}

function moveOf({ host, reason }: { host: string; reason: string }, here: string): string {
  return host === here
    ? `it had to leave ${host}, and is back: ${reason}`
    : `it moved here from ${host}: ${reason}`;
}

function said(text: string | undefined): string[] {
  return text === undefined || text === '' ? [] : [text];
}
