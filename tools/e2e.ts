// End-to-end tests: node tools/e2e.ts [WORD…]
// They drive real clients against real daemons with real VMs, so they need root. Three run at a time, and what is on the
// network of one is nothing to the others: one is on this machine's, two have their own. Those with several hosts mostly
// wait, so one lane begins with them and the others come to them last.
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endRun, runVariable } from '../e2e/harness/end-run.ts';
import { closingLine, exitCode, interruption, runLanes, testFiles } from './run-tests.ts';

const files = testFiles(['e2e/**/*.test.ts'], process.argv.slice(2));
const ofMachines = (file: string): boolean =>
  /from '\.\/harness\/(fleet|machines|pair)\.ts'/.test(readFileSync(file, 'utf8'));
const [machines, clouds] = [files.filter(ofMachines), files.filter((file) => !ofMachines(file))];
/** 192.0.2.0/24 is set aside for examples. */
const ownNetwork = `ip link set lo up
ip link add wan0 type veth peer name wan1
ip addr add 192.0.2.1/24 dev wan0
ip link set wan0 up; ip link set wan1 up
ip route add default via 192.0.2.9
exec "$@"`;
const apart = ['unshare', '--net', 'sh', '-ec', ownNetwork, 'sh'];
const run = mkdtempSync(join(tmpdir(), 'kraud-run-'));
// All that is started says by this what run it belongs to, and has its files there.
process.env[runVariable] = run;
process.env.TMPDIR = run;
// The first cloud makes a template, the others take it over.
process.env.KRAUD_E2E_TEMPLATES = mkdtempSync(join(run, 'templates-'));

const signal = interruption((name) => {
  console.error(`${name}: ending what was started`);
  void endRun(run).finally(() => process.exit(130));
});
try {
  const usual = { name: 'e2e', timeoutMs: 600_000, signal };
  const counts = await runLanes([
    { ...usual, queues: [machines, clouds], on: apart },
    { ...usual, queues: [clouds, machines] },
    { ...usual, queues: [clouds, machines], on: apart },
  ]);
  console.log(`e2e: ${closingLine(counts)}`);
  process.exitCode = exitCode(counts);
} finally {
  if (!signal.aborted) await endRun(run);
}
