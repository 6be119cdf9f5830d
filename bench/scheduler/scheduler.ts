import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { type SchedulerLimits, schedulerDefaults } from '@kraud/macro';
import { firstFitDecreasing, utilisation } from './pack.ts';
import { type Placed, place } from './place.ts';
import { makeWorld, type World } from './world.ts';

const seed = 1;
const hostCounts = [1000, 5000, 10_000] as const;
/** The fleet on which packing is compared and the tricks are switched off. */
const comparedHosts = 5000;
/** For one trick switched off: placing everything would take minutes. */
const boundS = 20;

const tricks: Readonly<Record<string, Partial<SchedulerLimits>>> = {
  no_classes: { equivalenceClasses: false },
  no_score_cache: { scoreCache: false },
  no_sampling: { sampleHostsMax: 0 },
};

/** Places pods on model fleets: how many a second, how long one decision takes, and how well it packs. */
export async function scheduler(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { json: { type: 'boolean', default: false }, pods: { type: 'string', default: '100000' } },
  });
  const pods = Number(values.pods);
  if (!Number.isInteger(pods) || pods < 1000)
    throw new Error(`--pods must be a whole number from 1000, not ${values.pods}`);
  const say = (line: string): void => console.error(line);
  const metrics: Record<string, number> = { pods, load_before: round(loadavg()[0] ?? 0) };
  for (const hosts of hostCounts) {
    const name = `${hosts / 1000}k`;
    say(`${pods} pods on ${hosts} hosts`);
    const world = makeWorld(hosts, pods, seed);
    const placed = place(world.hosts, world.pods, schedulerDefaults);
    Object.assign(metrics, rates(placed, `_${name}`));
    metrics[`refused_${name}`] = placed.refused;
    metrics[`decision_p50_ms_${name}`] = round(placed.p50Ms);
    metrics[`decision_p99_ms_${name}`] = round(placed.p99Ms);
    if (hosts !== comparedHosts) continue;
    Object.assign(metrics, packing(world, placed));
    for (const [trick, limits] of Object.entries(tricks)) {
      say(`the same with ${trick.replaceAll('_', ' ')}, for ${boundS} s`);
      Object.assign(
        metrics,
        rates(place(world.hosts, world.pods, { ...schedulerDefaults, ...limits }, boundS), `_${trick}`),
      );
    }
  }
  metrics.decision_p99_ms = Math.max(
    ...hostCounts.map((hosts) => metrics[`decision_p99_ms_${hosts / 1000}k`] ?? 0),
  );
  metrics.load_after = round(loadavg()[0] ?? 0);
  if (values.json) console.log(JSON.stringify({ bench: 'scheduler', metrics }));
  else for (const [name, value] of Object.entries(metrics)) console.log(`${name.padEnd(34)} ${value}`);
}

/** By the clock on the wall, and by the processor's: the machine may have others to serve. */
function rates(placed: Placed, suffix: string): Record<string, number> {
  return {
    [`pods_per_s${suffix}`]: Math.round(placed.pods / placed.wallS),
    [`pods_per_cpu_s${suffix}`]: Math.round(placed.pods / placed.cpuS),
  };
}

function packing({ hosts, pods }: World, placed: Placed): Record<string, number> {
  const best = firstFitDecreasing(hosts, pods);
  const [packed, ffd] = [utilisation(hosts, placed.usedHosts, pods), utilisation(hosts, best, pods)];
  return {
    packed_util: round(packed),
    ffd_util: round(ffd),
    packed_of_ffd: round(packed / ffd),
    hosts_used: placed.usedHosts.size,
    ffd_hosts_used: best.size,
  };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
