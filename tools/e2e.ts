// End-to-end tests, one file after the other: node tools/e2e.ts [WORD…]
// They drive real clients against a real daemon with real VMs, so they need root.
import { closingLine, exitCode, runGroup, testFiles } from './run-tests.ts';

const files = testFiles(['e2e/**/*.test.ts'], process.argv.slice(2));
const counts = await runGroup({ name: 'e2e', files, concurrency: 1, timeoutMs: 600_000 });
console.log(`e2e: ${closingLine(counts)}`);
process.exitCode = exitCode(counts);
