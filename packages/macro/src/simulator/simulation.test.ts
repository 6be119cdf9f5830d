import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulationDefaults } from './options.ts';
import { Simulation } from './simulation.ts';

const seeds = Array.from({ length: Number(process.env.KRAUD_SEEDS ?? 10) }, (_, i) => i + 1);

for (const seed of seeds) {
  test(`simulation, seed ${seed}: every step ends in a state that breaks no rule`, async () => {
    const report = await new Simulation({ ...simulationDefaults, seed }).run();
    assert.deepEqual(report.faults, []);
    assert.ok(report.starts > 0);
  });
}

test('the same seed takes the same course', async () => {
  const [once, again] = [
    new Simulation({ ...simulationDefaults, steps: 25 }),
    new Simulation({ ...simulationDefaults, steps: 25 }),
  ];
  assert.deepEqual(await once.run(), await again.run());
});
