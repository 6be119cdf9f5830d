// npm run sim -- --seed 7 [--hosts 8] [--pods 60] [--steps 60] [--seeds 20]
import { parseArgs } from 'node:util';
import { simulationDefaults } from './options.ts';
import { Simulation } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(simulationDefaults.seed) },
    seeds: { type: 'string', default: '1' },
    hosts: { type: 'string', default: String(simulationDefaults.hosts) },
    pods: { type: 'string', default: String(simulationDefaults.pods) },
    steps: { type: 'string', default: String(simulationDefaults.steps) },
  },
});

function count(name: 'seed' | 'seeds' | 'hosts' | 'pods' | 'steps'): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= 1) return value;
  console.error(`--${name} must be a whole number from 1, not ${values[name]}`);
  process.exit(2);
}

const size = { hosts: count('hosts'), pods: count('pods'), steps: count('steps') };
const first = count('seed');
for (let seed = first; seed < first + count('seeds'); seed += 1) {
  const report = await new Simulation({ seed, ...size }).run();
  const steps = Object.entries(report.steps).map(([name, times]) => `${times} × ${name}`);
  console.log(`seed ${seed}: ${size.hosts} hosts, ${report.arrivals} pods came, ${report.starts} starts`);
  console.log(`  ${steps.join(', ')}`);
  console.log(`  ${report.displaced} displaced; at the end ${report.running} run and ${report.pending} wait`);
  for (const fault of report.faults) console.log(`  FAULT ${fault}`);
  if (report.faults.length > 0) process.exitCode = 1;
}
