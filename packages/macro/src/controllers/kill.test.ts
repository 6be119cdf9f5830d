import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '@kraud/base';
import { samplePod } from '../model/samples.ts';
import { dyingStore } from './dying-store.ts';
import { SmallWorld } from './small-world.ts';

const run = { wanted: 'running', serial: 1, stoppedByUser: false } as const;

/**
 * Controllers are killed every few writes and started anew, while pods run, fail, are restarted and removed. In the
 * end all is as it would have been without a kill: nothing lost, nothing twice.
 */
test('whenever the controllers die, no run and no event is lost or doubled', async () => {
  for (let seed = 0; seed < 25; seed += 1) {
    const world = new SmallWorld(seed);
    await world.start();
    const random = new SeededRandom(seed);
    const { pods } = world.tables;
    world.runHost(() => ({ lastsMs: 50, code: 1 }));
    await pods.create(samplePod('retry', { spec: { run, restart: { name: 'on-failure', retriesMax: 3 } } }));
    await pods.create(samplePod('once', { spec: { run, autoRemove: true } }));

    const lives: { stop: AbortController; ended: Promise<void> }[] = [];
    const live = (): void => {
      const stop = new AbortController();
      const store = dyingStore(world.store, random.below(6), random, () => {
        // A dead process holds no watch; what it was about to do never comes.
        stop.abort();
        live();
      });
      lives.push({ stop, ended: world.controllers(stop.signal, lives.length < 30 ? store : world.store) });
    };
    live();

    const retry = ['start', 'die 1', 'start', 'die 1', 'start', 'die 1', 'start', 'die 1'];
    await world.until(
      async () => (await world.eventsOf('retry')).length >= 8 && (await world.eventsOf('once')).length >= 3,
    );
    await world.clock.advance(120_000);
    assert.deepEqual(await world.eventsOf('retry'), retry, `seed ${seed}`);
    assert.deepEqual(await world.eventsOf('once'), ['start', 'die 1', 'destroy'], `seed ${seed}`);
    const [left, ...more] = pods.list('default');
    assert.deepEqual(
      [left?.status.phase, left?.status.restartCount, more.length],
      ['exited', 3, 0],
      `seed ${seed}`,
    );
    assert.ok(lives.length > 3, `seed ${seed}: hardly anything died`);
    for (const { stop } of lives) stop.abort();
    await lives.at(-1)?.ended;
    await world.stop();
  }
});
