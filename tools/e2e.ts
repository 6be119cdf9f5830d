// End-to-end tests, one file after the other: node tools/e2e.ts [WORD…]
// They drive real clients against a real daemon with real VMs, so they need root.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closingLine, exitCode, runGroup, testFiles } from './run-tests.ts';

const files = testFiles(['e2e/**/*.test.ts'], process.argv.slice(2));
// The first cloud makes a template, the others take it over.
const templates = mkdtempSync(join(tmpdir(), 'kraud-templates-'));
process.env.KRAUD_E2E_TEMPLATES = templates;
try {
  const counts = await runGroup({ name: 'e2e', files, concurrency: 1, timeoutMs: 600_000 });
  console.log(`e2e: ${closingLine(counts)}`);
  process.exitCode = exitCode(counts);
} finally {
  rmSync(templates, { recursive: true, force: true });
}
