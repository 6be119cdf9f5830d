// Keeps the arrows between the parts true (ARCHITECTURE.md has the table for people; this is the one that is checked).
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { externalName, importsOf } from './imports.ts';

/** Which packages a package may know. `package.json` must say exactly the same. */
const packageArrows: Readonly<Record<string, readonly string[]>> = {
  base: [],
  macro: ['base'],
  cradle: ['base'],
  images: ['base'],
  network: ['base'],
  volumes: ['base'],
  host: ['base', 'macro', 'cradle', 'images', 'network', 'volumes'],
  cloud: ['base', 'macro', 'host'],
  'docker-api': ['base', 'cloud'],
  'kra-api': ['base', 'cloud'],
  cli: ['base'],
  daemon: [
    'base',
    'macro',
    'cradle',
    'images',
    'network',
    'volumes',
    'host',
    'cloud',
    'docker-api',
    'kra-api',
  ],
  testkit: [
    'base',
    'macro',
    'cradle',
    'images',
    'network',
    'volumes',
    'host',
    'cloud',
    'docker-api',
    'kra-api',
    'daemon',
  ],
};

/** Which folders of `macro/src` a folder may know besides itself: the store knows no resource, the scheduler no store. */
const macroArrows: Readonly<Record<string, readonly string[]>> = {
  store: [],
  model: [],
  scheduler: ['model'],
  networks: ['model'],
  workloads: ['model', 'scheduler'],
  health: ['model'],
  events: ['store', 'model'],
  cache: ['store', 'model'],
  resources: ['store', 'model', 'cache'],
  controllers: [
    'store',
    'model',
    'resources',
    'cache',
    'scheduler',
    'workloads',
    'networks',
    'health',
    'events',
  ],
  why: ['model', 'scheduler', 'controllers'],
  simulator: ['store', 'model', 'resources', 'scheduler', 'controllers'],
};

/** Second doors, to valid resources that nothing but a test or a benchmark has a use for. Whoever tests may know them. */
const sampleDoors = ['macro/samples'];

/** Tests and benchmarks drive the outside; they may also use the parts' own types to do so. */
const outerFolders = ['e2e', 'bench', 'tools'];

const problems: string[] = [];

function dependenciesOf(manifest: string): string[] {
  return Object.keys(JSON.parse(readFileSync(manifest, 'utf8')).dependencies ?? {});
}

function checkManifest(name: string): void {
  const manifest = `packages/${name}/package.json`;
  const allowed = packageArrows[name];
  if (allowed === undefined) {
    problems.push(`${manifest}: ${name} has no row in the table of tools/arrows.ts`);
    return;
  }
  const own = dependenciesOf(manifest)
    .filter((dependency) => dependency.startsWith('@kraud/'))
    .map((dependency) => dependency.slice('@kraud/'.length));
  for (const extra of own.filter((each) => !allowed.includes(each))) {
    problems.push(`${manifest}: depends on ${extra}, which the table does not allow`);
  }
  for (const missing of allowed.filter((each) => !own.includes(each))) {
    problems.push(
      `${manifest}: does not name ${missing}, which the table allows: say so in one place and the other`,
    );
  }
}

function checkCycles(): void {
  const state = new Map<string, 'open' | 'done'>();
  const visit = (name: string, path: readonly string[]): void => {
    if (state.get(name) === 'done') return;
    if (state.get(name) === 'open') {
      problems.push(`the table has a cycle: ${[...path, name].join(' -> ')}`);
      return;
    }
    state.set(name, 'open');
    for (const next of packageArrows[name] ?? []) visit(next, [...path, name]);
    state.set(name, 'done');
  };
  for (const name of Object.keys(packageArrows)) visit(name, []);
}

interface Owner {
  /** The package, or undefined for a file outside of `packages/`. */
  readonly name: string | undefined;
  readonly root: string;
  readonly isTest: boolean;
  readonly externals: readonly string[];
}

function ownerOf(file: string, rootExternals: readonly string[]): Owner {
  const isTest = /\.test\.ts$/.test(file) || /\/(testing|suite)\//.test(file);
  const match = /^packages\/([^/]+)\//.exec(file);
  if (match?.[1] === undefined) {
    return { name: undefined, root: file.slice(0, file.indexOf('/')), isTest, externals: rootExternals };
  }
  const manifest = `packages/${match[1]}/package.json`;
  const externals = isTest ? [...dependenciesOf(manifest), ...rootExternals] : dependenciesOf(manifest);
  return { name: match[1], root: `packages/${match[1]}`, isTest, externals };
}

function checkFile(file: string, rootExternals: readonly string[]): void {
  const owner = ownerOf(file, rootExternals);
  for (const specifier of importsOf(readFileSync(file, 'utf8'))) {
    const fault = faultOf(file, owner, specifier);
    if (fault !== undefined) problems.push(`${file}: imports ${specifier}: ${fault}`);
  }
}

function faultOf(file: string, owner: Owner, specifier: string): string | undefined {
  if (specifier.startsWith('node:')) return undefined;
  if (specifier.startsWith('.')) return relativeFault(file, owner, specifier);
  if (specifier.startsWith('@kraud/')) return arrowFault(owner, specifier.slice('@kraud/'.length));
  return owner.externals.includes(externalName(specifier)) ? undefined : 'not a dependency of its package';
}

function relativeFault(file: string, owner: Owner, specifier: string): string | undefined {
  const target = relative('.', resolve(dirname(file), specifier));
  const outer = owner.name === undefined && outerFolders.includes(target.slice(0, target.indexOf('/')));
  if (!outer && !target.startsWith(`${owner.root}/`)) return 'leaves its package: import it as @kraud/NAME';
  if (!/\.(ts|json|mjs)$/.test(target)) return 'the path must end in .ts';
  if (!existsSync(target)) return 'no such file';
  if (owner.name !== 'macro' || owner.isTest) return undefined;
  return macroFault(relative('packages/macro/src', file), relative('packages/macro/src', target));
}

function macroFault(file: string, target: string): string | undefined {
  const [from, to] = [file.split('/')[0] ?? '', target.split('/')[0] ?? ''];
  if (!file.includes('/') || !target.includes('/') || from === to) return undefined;
  const allowed = macroArrows[from];
  if (allowed === undefined) return `${from} has no row in macro's table of tools/arrows.ts`;
  return allowed.includes(to) ? undefined : `inside macro, ${from} may not know ${to}`;
}

function arrowFault(owner: Owner, target: string): string | undefined {
  if (sampleDoors.includes(target)) {
    const mayHave = owner.isTest || owner.name === 'testkit' || owner.root === 'bench';
    return mayHave ? undefined : 'samples are for tests and benchmarks only';
  }
  if (target.includes('/')) return 'only the package itself may be imported, nothing below it';
  if (packageArrows[target] === undefined) return 'no such package';
  if (owner.name === undefined) return outerFolders.includes(owner.root) ? undefined : 'not from here';
  if (owner.name === target) return 'a package does not import itself by name';
  if (target === 'testkit') return owner.isTest ? undefined : 'testkit is for tests only';
  return packageArrows[owner.name]?.includes(target) ? undefined : `${owner.name} may not know ${target}`;
}

const root = JSON.parse(readFileSync('package.json', 'utf8'));
const rootExternals = [...Object.keys(root.dependencies ?? {}), ...Object.keys(root.devDependencies ?? {})];
const files = globSync(['packages/*/src/**/*.ts', ...outerFolders.map((folder) => `${folder}/**/*.ts`)]);

checkCycles();
for (const manifest of globSync('packages/*/package.json')) checkManifest(manifest.split('/')[1] ?? '');
// Its imports are test data, not imports.
const samples = 'tools/imports.test.ts';
for (const file of files.filter((each) => each !== samples).sort()) checkFile(file, rootExternals);

for (const problem of problems) console.error(problem);
console.log(`arrows: ${files.length} files, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
