import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const cc = join(import.meta.dirname, 'kernel-cc');
const root = mkdtempSync(join(tmpdir(), 'kernel-cc-'));
after(() => rmSync(root, { recursive: true }));

const source = join(root, 'src');
const headers = join(root, 'headers.h');
const from = join(source, 'drivers/ours.c');

function file(name: string, text: string): string {
  const path = join(source, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** As the kernel's make calls its compiler. */
function compile(
  path: string,
  ...options: string[]
): { status: number | null; stderr: string; text: string } {
  const object = join(root, 'out.o');
  rmSync(object, { force: true });
  const { status, stderr } = spawnSync(
    cc,
    [`-Wp,-MMD,${root}/.out.o.d`, '-O2', '-include', join(source, 'first.h'), ...options]
      .concat(['-DKBUILD_MODFILE="fs/x"', '-DKBUILD_MODNAME="x y"', '-D__KBUILD_MODNAME=kmod_x'])
      .concat(['-c', '-o', object, path]),
    {
      encoding: 'utf8',
      cwd: root,
      env: { ...process.env, KERNEL_SOURCE: source, KERNEL_HEADERS: headers, KERNEL_HEADERS_FROM: from },
    },
  );
  return { status, stderr, text: existsSync(object) ? readFileSync(object, 'latin1') : '' };
}

test('a file gets the compiled headers, and its own name after them', () => {
  file('first.h', '');
  writeFileSync(
    headers,
    '#define LABEL "label of " KBUILD_MODNAME\nstatic inline int one(void) { return 1; }\n',
  );
  const text =
    'const char label[] = LABEL; int kmod = sizeof KBUILD_MODFILE; int __KBUILD_MODNAME(void) { return one(); }\n';
  file('drivers/ours.c', text);
  assert.deepEqual(compile(from).stderr, '');
  assert.ok(existsSync(`${headers}.gch`));

  // Only the compiled form still says what it said.
  writeFileSync(headers, '#error read as text\n');
  const one = compile(file('fs/deep/one.c', text));
  assert.equal(one.stderr, '');
  assert.equal(one.status, 0);
  assert.match(one.text, /label of x y\0/);
  assert.match(one.text, /kmod_x\0/);

  // With other options gcc doesn't take it.
  writeFileSync(headers, '#define LABEL "read as text"\n');
  const label = 'const char label[] = LABEL;\n';
  assert.match(compile(file('mm/two.c', label)).text, /label of x y/);
  assert.match(compile(file('mm/two.c', label), '-m32').text, /read as text/);

  // A file that has another use for one of the names.
  assert.equal(compile(file('net/three.c', 'int LABEL(void) { return 3; }\n')).status, 0);
});

test('other files are compiled as they are', () => {
  writeFileSync(headers, '#error read as text\n');
  const early = file(
    'lib/early.c',
    'const char name[] = KBUILD_MODNAME;\n#ifdef LABEL\n#error headers\n#endif\n',
  );
  const compiled = compile(early);
  assert.equal(compiled.stderr, '');
  assert.match(compiled.text, /x y\0/);
  assert.equal(compile(file('fs/broken.c', 'int broken = LABEL;\n')).status, 1);
  assert.match(execFileSync(cc, ['--version'], { encoding: 'utf8' }), /^gcc /);
});
