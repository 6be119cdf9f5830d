// Keeps the repository in order: no leftovers, no huge files, every package and decision where a newcomer looks for it.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';

const linesMax = 500;

/** Files that may be longer, each with the reason. */
const longFiles: Readonly<Record<string, string>> = {
  'package-lock.json': 'written by npm',
};

const codeFile = /\.(ts|mjs|c|h|sh)$|(^|\/)(Makefile|setup|run|kra|kraudd)$/;

/** Words that say the work is not finished. Written apart, so that this file does not find itself. */
const leftovers = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`);
const narrowedTests = /\b(?:t|test|it|describe|suite)\.(?:only|skip|todo)\b|\b(?:only|skip|todo): true\b/;
const silenced = /@ts-(?:ignore|nocheck|expect-error)|\bdebugger;/;

/** What belongs to the place where something was written, not to the thing itself. */
const foreign = new RegExp(String.raw`(?<![\w.$}/-])/${'wo'}rk/|\b(?:issue|PR|ticket)s? #\d`);

const problems: string[] = [];

/** Tracked files and new ones that are not ignored; a file deleted but not yet committed is not there. */
function repositoryFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
  });
  return listed.split('\0').filter((path) => path !== '' && existsSync(path));
}

function checkText(path: string): void {
  const text = readFileSync(path, 'utf8');
  if (text.includes('\0')) return;
  const lines = text.split('\n');
  if (codeFile.test(path) && lines.length - 1 > linesMax && longFiles[path] === undefined) {
    problems.push(`${path}: ${lines.length - 1} lines, more than ${linesMax}: look for the second noun`);
  }
  if (path === 'package-lock.json') return;
  lines.forEach((line, index) => {
    const at = `${path}:${index + 1}`;
    if (foreign.test(line)) problems.push(`${at}: speaks of the place it was written in: ${line.trim()}`);
    if (!codeFile.test(path) || path === 'tools/tidy.ts') return;
    if (leftovers.test(line)) problems.push(`${at}: left over: ${line.trim()}`);
    if (silenced.test(line)) problems.push(`${at}: a check is silenced: ${line.trim()}`);
    if (path.endsWith('.ts') && narrowedTests.test(line))
      problems.push(`${at}: a test is left out: ${line.trim()}`);
  });
}

function checkPackages(): void {
  for (const manifest of globSync('packages/*/package.json')) {
    const readme = manifest.replace('package.json', 'README.md');
    if (!existsSync(readme)) problems.push(`${readme}: missing; it says what the package is for`);
  }
}

/** `docs/decisions/0001-short-name.md`, each number once, each named in the index. */
function checkDecisions(): void {
  const index = existsSync('docs/decisions/README.md')
    ? readFileSync('docs/decisions/README.md', 'utf8')
    : '';
  const numbers = new Map<string, string>();
  for (const path of globSync('docs/decisions/*.md').sort()) {
    const name = path.slice('docs/decisions/'.length);
    if (name === 'README.md') continue;
    const number = /^(\d{4})-[a-z0-9-]+\.md$/.exec(name)?.[1];
    if (number === undefined) {
      problems.push(`${path}: the name must be NNNN-short-name.md`);
      continue;
    }
    const twin = numbers.get(number);
    if (twin !== undefined) problems.push(`${path}: has the number of ${twin}`);
    numbers.set(number, path);
    if (!index.includes(`(${name})`)) problems.push(`${path}: is not named in docs/decisions/README.md`);
  }
}

/** Every outside package that users run has a line somewhere in the decisions that says why it is here. */
function checkDependencies(): void {
  const decisions = globSync('docs/decisions/*.md')
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');
  for (const manifest of ['package.json', ...globSync('packages/*/package.json')]) {
    const names = Object.keys(JSON.parse(readFileSync(manifest, 'utf8')).dependencies ?? {});
    for (const name of names.filter((each) => !each.startsWith('@kraud/'))) {
      if (!decisions.includes(`\`${name}\``)) {
        problems.push(`${manifest}: no page in docs/decisions says why \`${name}\` is needed`);
      }
    }
  }
}

const files = repositoryFiles();
for (const path of files) checkText(path);
for (const path of Object.keys(longFiles)) {
  if (!existsSync(path)) problems.push(`tools/tidy.ts: allows ${path} to be long, but there is no such file`);
}
checkPackages();
checkDecisions();
checkDependencies();

for (const problem of problems) console.error(problem);
console.log(`tidy: ${files.length} files, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
