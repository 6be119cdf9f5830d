// Everything that `make test` checks, one step after the other; a failing step does not hide the later ones.
//   node tools/all.ts [STEP…]     steps: types lint arrows tidy unit plain c e2e
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { add, type Counts, closingLine, exitCode, interruption, nothing } from './run-tests.ts';

interface Step {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

const node = process.execPath;
const steps: readonly Step[] = [
  { name: 'types', command: ['node_modules/.bin/tsc', '--noEmit', '-p', 'tsconfig.json'] },
  { name: 'lint', command: ['node_modules/.bin/biome', 'check', '--error-on-warnings', '.'] },
  { name: 'arrows', command: [node, 'tools/arrows.ts'] },
  { name: 'tidy', command: [node, 'tools/tidy.ts'] },
  { name: 'unit', command: [node, 'tools/unit.ts'] },
  { name: 'plain', command: [node, 'tools/unit.ts', 'plain'] },
  { name: 'c', command: ['make', '-C', 'guest/agent', 'test'] },
  { name: 'e2e', command: [node, 'tools/e2e.ts'] },
];
const usual = ['types', 'lint', 'arrows', 'tidy', 'unit', 'c', 'e2e'];

interface Outcome {
  readonly step: Step;
  readonly counts: Counts;
  readonly seconds: number;
}

/** Runs a step with its output shown; its counts are those it prints as its closing line, else it counts as one. */
async function run(step: Step): Promise<Outcome> {
  console.log(`\n== ${step.name}`);
  const started = performance.now();
  const { code, counts } = await watch(step.command);
  const one = counts ?? { ...nothing, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 };
  const honest = code !== 0 && one.failed === 0 ? { ...one, failed: 1 } : one;
  return { step, counts: honest, seconds: (performance.now() - started) / 1000 };
}

/** What runs now is told of an interruption too, and ends what it has started; nothing is begun after it. */
let running: ChildProcess | undefined;
const signal = interruption((name) => void running?.kill(name));

function watch(
  command: readonly [string, ...string[]],
): Promise<{ code: number; counts: Counts | undefined }> {
  const [file, ...args] = command;
  // A make above us hands down its job server; the steps are not part of it.
  const { MAKEFLAGS: _flags, MFLAGS: _mflags, MAKELEVEL: _level, ...env } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
    running = child;
    let tail = '';
    child.stdout.on('data', (chunk: Buffer) => {
      process.stdout.write(chunk);
      tail = (tail + chunk.toString('latin1')).slice(-1000);
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, counts: lastCounts(tail) }));
  });
}

/** `unit: 12 passed, 0 failed, 1 skipped` as the last line. */
function lastCounts(tail: string): Counts | undefined {
  const line = tail.trimEnd().split('\n').at(-1) ?? '';
  const match = /(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(line);
  if (match === null) return undefined;
  return { files: 0, passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3] ?? 0) };
}

const names = process.argv.length > 2 ? process.argv.slice(2) : usual;
const chosen = names.map((name) => {
  const step = steps.find((candidate) => candidate.name === name);
  if (step === undefined) {
    console.error(`no such step: ${name} (${steps.map((candidate) => candidate.name).join(' ')})`);
    process.exit(2);
  }
  return step;
});
if (!existsSync('package.json')) {
  console.error('run this from the top of the repository');
  process.exit(2);
}

const outcomes: Outcome[] = [];
for (const step of chosen) {
  outcomes.push(await run(step));
  if (signal.aborted) process.exit(130);
}

console.log('');
for (const { step, counts, seconds } of outcomes) {
  const verdict = exitCode(counts) === 0 ? 'ok  ' : 'FAIL';
  console.log(
    `${verdict} ${step.name.padEnd(8)} ${seconds.toFixed(1).padStart(6)} s  ${closingLine(counts)}`,
  );
}
// A step in which nothing ran has failed, whatever its exit code said.
const empty = outcomes.filter(({ counts }) => counts.passed === 0 && counts.failed === 0).length;
const total = outcomes.map(({ counts }) => counts).reduce(add, { ...nothing, failed: empty });
console.log(closingLine(total));
process.exitCode = exitCode(total);
