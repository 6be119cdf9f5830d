import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

/** What one run of node's test runner came to. `files` is how many test files there were to run. */
export interface Counts {
  readonly files: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** A set of test files that run under the same conditions. */
export interface Group {
  readonly name: string;
  readonly files: readonly string[];
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** What the runner's command line is run by. */
  readonly on?: readonly string[];
  /** Once it aborts, what runs is ended, and nothing is run again. */
  readonly signal?: AbortSignal;
}

export const nothing: Counts = { files: 0, passed: 0, failed: 0, skipped: 0 };

export function add(a: Counts, b: Counts): Counts {
  return {
    files: a.files + b.files,
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

/** Test files that match any of `globs`; with `words`, only those whose path contains one of them. */
export function testFiles(globs: readonly string[], words: readonly string[]): string[] {
  const files = globs.flatMap((glob) => globSync(glob)).filter((path) => !path.includes('node_modules/'));
  const chosen = files.filter((path) => words.length === 0 || words.some((word) => path.includes(word)));
  return [...new Set(chosen)].sort();
}

/** Runs groups beside each other, and what failed once more. */
export async function runGroups(groups: readonly Group[]): Promise<Counts> {
  return await runAgain(await Promise.all(groups.map((group) => runFiles(group, group.files))));
}

/** Who runs one file after the other, from the first of its queues that has one: lanes may share queues. */
export interface Lane extends Omit<Group, 'files' | 'concurrency'> {
  readonly queues: readonly string[][];
}

/** Runs lanes beside each other, and what failed once more. */
export async function runLanes(lanes: readonly Lane[]): Promise<Counts> {
  const outcomes = lanes.map(async ({ queues, ...lane }) => {
    const done: Outcome[] = [];
    const next = (): string | undefined => queues.find(({ length }) => length > 0)?.shift();
    for (let file = next(); file !== undefined && !lane.signal?.aborted; file = next())
      done.push(await runFiles({ ...lane, files: [file], concurrency: 1 }, [file]));
    return done;
  });
  return await runAgain((await Promise.all(outcomes)).flat());
}

/**
 * What failed is run once more, a file at a time, on a machine that does nothing else. A file that then passes is named
 * as unsteady and counts as passed: many tests here race against a loaded machine, and one lost race should be seen, not
 * stop everything. A file that fails twice has failed.
 */
async function runAgain(first: readonly Outcome[]): Promise<Counts> {
  const again = first.flatMap(({ group, failedFiles }) =>
    group.files
      .filter((file) => failedFiles.has(file))
      .map((file) => ({ group, file, failed: failedFiles.get(file) ?? 0 })),
  );
  const once = first.reduce<Counts>(add, nothing);
  if (again.length === 0 || again.length > unsteadyMax) return once;
  if (first.some(({ group }) => group.signal?.aborted)) return once;
  console.log(`\n-- failed, and run again alone: ${again.map(({ file }) => file).join(' ')}`);
  // A failure that is no file's stays one.
  const nobodys = first.filter(({ failedFiles }) => failedFiles.size === 0);
  let total: Counts = { ...once, failed: nobodys.reduce((sum, { failed }) => sum + failed, 0) };
  for (const { group, file, failed: before } of again) {
    const { passed, failed } = await runFiles({ ...group, concurrency: 1 }, [file]);
    if (failed === 0 && passed > 0) {
      console.log(`-- unsteady: ${file} failed, then passed alone`);
      total = { ...total, passed: total.passed + before };
    } else total = { ...total, failed: total.failed + Math.max(1, failed) };
  }
  return total;
}

/** With more files than this failing it is no accident. */
const unsteadyMax = 5;

interface Outcome extends Counts {
  readonly group: Group;
  /** Failures by file; paths relative to where the run began. */
  readonly failedFiles: ReadonlyMap<string, number>;
}

/**
 * Runs files in a child `node --test`, its report on our standard output. A runner that dies without a summary
 * counts as one failure: no failure is ever lost because nothing could be counted.
 */
async function runFiles(group: Group, files: readonly string[]): Promise<Outcome> {
  if (files.length === 0) return { ...nothing, group, failedFiles: new Map() };
  const dir = await mkdtemp(join(tmpdir(), 'kraud-tests-'));
  try {
    const countsPath = join(dir, 'counts.json');
    const code = await node(group, [
      '--test',
      `--test-concurrency=${group.concurrency}`,
      `--test-timeout=${group.timeoutMs}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-reporter=${import.meta.resolve('./test-counts.ts')}`,
      `--test-reporter-destination=${countsPath}`,
      ...files,
    ]);
    const text = await readFile(countsPath, 'utf8').catch(() => '');
    const outcome = { group, ...parseOutcome(text, files.length) };
    return code !== 0 && outcome.failed === 0 ? { ...outcome, failed: 1 } : outcome;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** One plain line, the same for every runner here: what a person and a log reader look for at the end. */
export function closingLine(counts: Counts): string {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  return `${counts.passed} passed, ${counts.failed} failed${skipped}`;
}

/** Nothing run is a failure too: a wrong filter must not look like success. */
export function exitCode(counts: Counts): number {
  return counts.failed > 0 || counts.passed === 0 ? 1 : 0;
}

function parseOutcome(text: string, files: number): Omit<Outcome, 'group'> {
  if (text === '') return { ...nothing, files, failed: 1, failedFiles: new Map() };
  const { passed, failed, skipped, failedFiles } = JSON.parse(text);
  return {
    files,
    passed: Number(passed),
    failed: Number(failed),
    skipped: Number(skipped),
    failedFiles: new Map(Object.entries(failedFiles).map(([file, n]) => [relative('.', file), Number(n)])),
  };
}

/** Each test file is a process: without it each would strip and compile all that it imports anew. */
const compileCache = join(import.meta.dirname, '../node_modules/.cache/node');

function node({ on = [], signal }: Group, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NODE_COMPILE_CACHE: compileCache };
    const [program = '', ...rest] = [...on, process.execPath, ...args];
    const child = spawn(program, rest, { stdio: ['ignore', 'inherit', 'inherit'], env });
    const end = (): void => void child.kill();
    signal?.addEventListener('abort', end);
    child.once('error', reject);
    child.once('close', (code) => {
      signal?.removeEventListener('abort', end);
      resolve(code ?? 1);
    });
  });
}

/** Aborts when this process is told to end, which `end` then sees to; a second time changes nothing. */
export function interruption(end: (signal: NodeJS.Signals) => void): AbortSignal {
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (interrupted.signal.aborted) return;
      interrupted.abort();
      end(name);
    });
  }
  return interrupted.signal;
}
