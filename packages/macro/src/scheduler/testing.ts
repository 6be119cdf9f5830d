import assert from 'node:assert/strict';
import type { Band, Host, Placement, Pod, PodSpec } from '../model/index.ts';
import { anywhere } from '../model/index.ts';
import { sampleHost, samplePod } from '../model/samples.ts';
import { check } from './check.ts';
import type { Observed, Plan } from './contract.ts';
import { Fleet } from './fleet.ts';
import { type SchedulerLimits, schedulerDefaults } from './limits.ts';
import { plan } from './plan.ts';

const gib = 1024 ** 3;

/** A host `name` of 4 CPUs and 4 GiB. */
export function host(
  name: string,
  more: {
    labels?: Record<string, string>;
    spec?: Partial<Host['spec']>;
    status?: Partial<Host['status']>;
  } = {},
): Host {
  const sample = sampleHost(name, { cpus: 4, memoryBytes: 4 * gib, ...more.status });
  return {
    ...sample,
    meta: { ...sample.meta, labels: more.labels ?? {} },
    spec: { ...sample.spec, ...more.spec },
  };
}

/** A pod that is to run, and asks for a number of CPUs and as many GiB. */
export function pod(
  name: string,
  size = 1,
  placement: Partial<Placement> = {},
  more: { spec?: Partial<PodSpec>; owner?: string; labels?: Record<string, string> } = {},
): Pod {
  const owner = more.owner;
  return samplePod(name, {
    meta: {
      revision: 5,
      labels: more.labels ?? {},
      ...(owner === undefined ? {} : { owner: { kind: 'Workload', uid: owner, name: owner } }),
    },
    spec: {
      run: { wanted: 'running', serial: 1, stoppedByUser: false },
      placement: { ...anywhere, requests: { cpus: size, memoryBytes: size * gib }, ...placement },
      ...more.spec,
    },
  });
}

export function on(
  hostName: string,
  name: string,
  size: number,
  band: Band,
  more: Partial<PodSpec> = {},
): Pod {
  return pod(name, size, { band }, { spec: { host: hostName, ...more } });
}

/** The plan in lines, after the checker has found nothing: `a -> h1`, `x leaves h1 for a`, `b: why not`. */
export function show(
  wanted: Pod[],
  seen: Partial<Observed>,
  limits: Partial<SchedulerLimits> = {},
): string[] {
  const observed = { hosts: [], pods: [], volumes: [], ...seen };
  return showOn(Fleet.of(observed, { ...schedulerDefaults, ...limits }), wanted, observed.pods);
}

export function showOn(fleet: Fleet, wanted: Pod[], pods: readonly Pod[] = []): string[] {
  const made = plan(wanted, fleet);
  assert.deepEqual(check(made, wanted, fleet), []);
  return linesOf(made, [...wanted, ...pods]);
}

function linesOf(made: Plan, pods: readonly Pod[]): string[] {
  const name = (uid: string | undefined): string =>
    pods.find((each) => each.meta.uid === uid)?.meta.name ?? 'the host';
  return [
    ...made.bindings.map(({ uid, host: place }) => `${name(uid)} -> ${place}`),
    ...made.evictions.map(({ uid, host: place, by }) => `${name(uid)} leaves ${place} for ${name(by)}`),
    ...made.refusals.map(({ uid, message }) => `${name(uid)}: ${message}`),
  ];
}
