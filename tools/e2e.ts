// End-to-end tests: node tools/e2e.ts [WORD…]
// They drive real clients against real daemons with real VMs, so they need root. Those whose hosts have network
// namespaces of their own wait much, and run beside the others; of the others, which share this machine's network, one runs at a time.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { add, closingLine, exitCode, runGroup, testFiles } from './run-tests.ts';

const files = testFiles(['e2e/**/*.test.ts'], process.argv.slice(2));
const ofMachines = (file: string): boolean =>
  /from '\.\/harness\/(fleet|machines)\.ts'/.test(readFileSync(file, 'utf8'));
const lanes = [files.filter(ofMachines), files.filter((file) => !ofMachines(file))];
// The first cloud makes a template, the others take it over.
const templates = mkdtempSync(join(tmpdir(), 'kraud-templates-'));
process.env.KRAUD_E2E_TEMPLATES = templates;
try {
  const outcomes = await Promise.all(
    lanes.map((lane) => runGroup({ name: 'e2e', files: lane, concurrency: 1, timeoutMs: 600_000 })),
  );
  const counts = outcomes.reduce(add);
  console.log(`e2e: ${closingLine(counts)}`);
  process.exitCode = exitCode(counts);
} finally {
  rmSync(templates, { recursive: true, force: true });
}
