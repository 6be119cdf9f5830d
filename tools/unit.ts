// Unit tests: node tools/unit.ts [plain] [etcd] [root] [vm] [WORD…]
// With WORDs only files whose path contains one of them; with kinds only those kinds.
import {
  add,
  closingLine,
  exitCode,
  type Group,
  interruption,
  nothing,
  runGroups,
  testFiles,
} from './run-tests.ts';

const globs = ['packages/*/src/**/*.test.ts', 'tools/**/*.test.ts', 'bench/**/*.test.ts'];
const kinds = ['plain', 'etcd', 'root', 'vm'] as const;
type Kind = (typeof kinds)[number];

/**
 * `x.etcd.test.ts` starts etcd; `x.root.test.ts` needs root, mounts or network namespaces; `x.vm.test.ts` boots VMs; the
 * rest runs anywhere.
 */
function kindOf(path: string): Kind {
  if (path.endsWith('.vm.test.ts')) return 'vm';
  if (path.endsWith('.etcd.test.ts')) return 'etcd';
  return path.endsWith('.root.test.ts') ? 'root' : 'plain';
}

function group(kind: Kind, files: readonly string[]): Group {
  const own = files.filter((path) => kindOf(path) === kind);
  // What starts programs of its own does so a file at a time.
  if (kind === 'plain') return { name: kind, files: own, concurrency: 2, timeoutMs: 180_000, signal };
  return { name: kind, files: own, concurrency: 1, timeoutMs: kind === 'vm' ? 600_000 : 300_000, signal };
}

const signal = interruption(() => {});
const args = process.argv.slice(2);
const isKind = (arg: string): arg is Kind => (kinds as readonly string[]).includes(arg);
const wanted = args.some(isKind) ? args.filter(isKind) : kinds;
const files = testFiles(
  globs,
  args.filter((arg) => !isKind(arg)),
);

const groupsOf = (...some: Kind[]): Group[] =>
  some.filter((kind) => wanted.includes(kind)).map((kind) => group(kind, files));

const plain = await runGroups(groupsOf('plain'));
// Two of these mostly wait, for etcd and for what must not come; what each makes of the machine has names of its own.
const others = signal.aborted ? nothing : await runGroups(groupsOf('etcd', 'root', 'vm'));
const total = add(plain, others);
if (signal.aborted) process.exit(130);
console.log(`unit: ${closingLine(total)}`);
process.exitCode = exitCode(total);
