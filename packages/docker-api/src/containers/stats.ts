import { codeOf } from '@kraud/base';
import type { Caller, Cloud, Pod, StatsSample } from '@kraud/cloud';
import { type Operation, yes } from '../operation.ts';
import { send } from '../wire/flow.ts';
import { statusOf } from './show/state.ts';
import { statsBody } from './show/stats.ts';

export const containerStats: Operation = {
  method: 'GET',
  path: '/containers/:id/stats',
  params: { stream: yes('flag', 'true if it is left out'), 'one-shot': yes('flag', 'only without stream') },
  async run({ pods }, call) {
    const { caller, query, signal } = call;
    const { clock, limits } = call.serving;
    const found = await pods.get(caller, call.param('id'));
    const { uid } = found.meta;
    const stream = query.flag('stream', true);
    if (!stream) {
      const first = await sampleOf(pods, caller, found);
      if (!first || query.flag('one-shot')) return call.json(200, statsBody(found, first, undefined));
      await clock.sleep(limits.statsIntervalMs, signal);
      return call.json(200, statsBody(found, (await sampleOf(pods, caller, found)) ?? first, first));
    }
    const res = call.open('application/json');
    let before: StatsSample | undefined;
    for (;;) {
      const pod = await presentPod(pods, caller, uid);
      if (!pod) break;
      const sample = await sampleOf(pods, caller, pod);
      await send(res, `${JSON.stringify(statsBody(pod, sample, before))}\n`);
      before = sample;
      await clock.sleep(limits.statsIntervalMs, signal);
    }
    res.end();
  },
};

async function presentPod(pods: Cloud['pods'], caller: Caller, uid: string): Promise<Pod | undefined> {
  try {
    return await pods.get(caller, uid);
  } catch (error) {
    if (codeOf(error) === 'not-found') return undefined;
    throw error;
  }
}

/** Undefined for a container that doesn't run: its figures are shown as zeroes. */
async function sampleOf(pods: Cloud['pods'], caller: Caller, pod: Pod): Promise<StatsSample | undefined> {
  const status = statusOf(pod);
  if (status !== 'running' && status !== 'paused') return undefined;
  try {
    return await pods.stats(caller, pod.meta.uid);
  } catch (error) {
    if (['conflict', 'not-found', 'unavailable'].includes(codeOf(error))) return undefined;
    throw error;
  }
}
