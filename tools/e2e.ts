// End-to-end tests: node tools/e2e.ts [WORD…]
// They drive real clients against real daemons with real VMs, so they need root. Those whose hosts have network
// namespaces of their own wait much, and run beside the others; of the others, which share this machine's network, one runs at a time,
// but for one that has a disk of its own and publishes nothing.
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endRun, runVariable } from '../e2e/harness/end-run.ts';
import { closingLine, exitCode, interruption, runGroups, testFiles } from './run-tests.ts';

const files = testFiles(['e2e/**/*.test.ts'], process.argv.slice(2));
const ofMachines = (file: string): boolean =>
  /from '\.\/harness\/(fleet|machines|pair)\.ts'/.test(readFileSync(file, 'utf8'));
const isApart = (file: string): boolean => ofMachines(file) || file.endsWith('/full-disk.test.ts');
const lanes = [files.filter(isApart), files.filter((file) => !isApart(file))];
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
  const counts = await runGroups(
    lanes.map((lane) => ({ name: 'e2e', files: lane, concurrency: 1, timeoutMs: 600_000, signal })),
  );
  console.log(`e2e: ${closingLine(counts)}`);
  process.exitCode = exitCode(counts);
} finally {
  if (!signal.aborted) await endRun(run);
}
