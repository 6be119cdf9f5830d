import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { SeededRandom } from '@kraud/base';
import type Docker from 'dockerode';
import { image, TestCloud } from './harness/cloud.ts';
import { eventually } from './harness/command.ts';

/**
 * The daemon is killed at random points of create, start, sleep, wake, stop and remove. Whatever it acknowledged before must
 * hold afterwards; what was under way may have happened or not, but never half and never twice.
 */

const runs = Number(process.env.KRAUD_CHAOS_RUNS ?? 50);
const workers = 2;

type Step = 'create' | 'start' | 'sleep' | 'wake' | 'stop' | 'remove';
const steps: readonly Step[] = ['create', 'start', 'sleep', 'wake', 'stop', 'remove'];
/** One time in so many it is left out. */
const leftOut: Partial<Record<Step, number>> = { sleep: 2, wake: 2, stop: 3 };

/** One container's story as its client knows it. */
interface Story {
  readonly name: string;
  acknowledged: Step | undefined;
  attempted: Step | undefined;
}

let cloud: TestCloud;
before(async () => {
  cloud = await TestCloud.start({ cradle: { warmMax: 1 } });
  await cloud.warm();
});
after(() => cloud.stop());

async function take(docker: Docker, story: Story, step: Step): Promise<void> {
  story.attempted = step;
  const container = docker.getContainer(story.name);
  if (step === 'create') {
    await docker.createContainer({
      name: story.name,
      Image: image,
      Cmd: ['sh', '-c', 'echo run; exec sleep 1000'],
    });
  } else if (step === 'start') await container.start();
  else if (step === 'sleep' || step === 'wake') await cloud.post(`/kraud/v1/pods/${story.name}/${step}`);
  else if (step === 'stop') await container.stop({ t: 0 });
  else await container.remove({ force: true });
  story.acknowledged = step;
}

/** Tells one story after another until the daemon is gone. */
async function work(label: string, stories: Story[], random: SeededRandom): Promise<void> {
  const docker = cloud.dockerode();
  for (let i = 0; i < 50; i += 1) {
    const story: Story = { name: `${label}-${i}`, acknowledged: undefined, attempted: undefined };
    stories.push(story);
    for (const step of steps) {
      const oneIn = leftOut[step];
      if (oneIn !== undefined && random.below(oneIn) === 0) continue;
      try {
        await take(docker, story, step);
      } catch {
        return;
      }
    }
  }
}

async function check(story: Story): Promise<void> {
  const { acknowledged, attempted, name } = story;
  const what = `${name}: acknowledged ${acknowledged}, attempted ${attempted}`;
  const found = await cloud.docker(['inspect', '--format', '{{json .State}}', name]);
  const exists = found.code === 0;
  if (acknowledged === 'remove') return assert.ok(!exists, `${what}: it is there`);
  if (attempted === 'remove' || acknowledged === undefined) return;
  assert.ok(exists, `${what}: it is lost`);
  const state = JSON.parse(found.stdout) as { Running: boolean; Status: string };
  const runs = acknowledged === 'start' || acknowledged === 'sleep' || acknowledged === 'wake';
  if (runs && attempted !== 'stop') {
    await eventually(`${what}: it ran`, async () => (await cloud.ok(['logs', name])) === 'run');
    assert.ok(state.Running, `${what}: ${state.Status}`);
    const asleep = await cloud.inspect(name, '{{json .Kraud.Asleep}}');
    if (attempted === acknowledged) assert.equal(asleep !== null, acknowledged === 'sleep', what);
    assert.equal(await cloud.ok(['exec', name, 'echo', 'in']), 'in', what);
  }
  if (acknowledged === 'stop') assert.ok(!state.Running, `${what}: ${state.Status}`);
  const ran = (await cloud.ok(['logs', name])).split('\n').filter((line) => line === 'run').length;
  assert.ok(ran <= 1, `${what}: it ran ${ran} times`);
}

/** What takes long is a fault to look for: it is told, with the daemon's last words. */
const longMs = 15_000;

async function timed<T>(t: TestContext, what: string, act: () => Promise<T>): Promise<T> {
  const began = performance.now();
  try {
    return await act();
  } finally {
    const tookMs = performance.now() - began;
    if (tookMs > longMs) t.diagnostic(`${what} took ${Math.round(tookMs)} ms\n${cloud.log(40)}`);
  }
}

for (let seed = 1; seed <= runs; seed += 1) {
  test(`seed ${seed}`, async (t) => {
    const random = new SeededRandom(seed);
    const stories: Story[] = [];
    const working = Array.from({ length: workers }, (_, i) =>
      work(`s${seed}w${i}`, stories, new SeededRandom(seed * 100 + i)),
    );
    await new Promise((resolve) => setTimeout(resolve, 20 + random.below(800)));
    await cloud.killDaemon();
    await timed(t, 'the clients’ last calls', () => Promise.all(working));
    await timed(t, 'the next daemon’s start', () => cloud.startDaemon());
    for (const story of stories) await timed(t, `asking after ${story.name}`, () => check(story));
    await timed(t, 'removing all', () => cloud.removeAll());
    await timed(t, 'going away', async () => {
      await eventually('nothing is left', async () => readdirSync(join(cloud.dir, 'pods')).length === 0);
      await eventually(
        'only a warm slot, its mould and a blank run',
        async () => (await cloud.vmms()).length <= 3,
      );
    });
  });
}
