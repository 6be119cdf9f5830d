// Unit tests: node tools/unit.ts [plain] [etcd] [root] [vm] [WORD…]
// With WORDs only files whose path contains one of them; with kinds only those kinds.
import {
  add,
  type Counts,
  closingLine,
  exitCode,
  type Group,
  interruption,
  nothing,
  runGroup,
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
  // What touches the machine runs alone: mounts, namespaces and two cores' worth of VMs are not ours to share.
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

// Tests of etcd mostly wait for it, on ports and disks of their own, so they run beside those that have the machine otherwise.
const lanes: readonly (readonly Kind[])[] = [['etcd'], ['root', 'vm']];

async function runKinds(lane: readonly Kind[]): Promise<Counts> {
  let counts: Counts = nothing;
  for (const kind of lane.filter((each) => wanted.includes(each))) {
    if (!signal.aborted) counts = add(counts, await runGroup(group(kind, files)));
  }
  return counts;
}

const plain = await runKinds(['plain']);
const total = (await Promise.all(lanes.map(runKinds))).reduce(add, plain);
if (signal.aborted) process.exit(130);
console.log(`unit: ${closingLine(total)}`);
process.exitCode = exitCode(total);
