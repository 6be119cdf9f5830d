import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveArgs, resolveEnv } from './process.ts';

const image = { entrypoint: ['/entry'], cmd: ['default'] };
const draft = (command?: string[], args?: string[]) => ({
  image: 'x',
  ...(command ? { command } : {}),
  ...(args ? { args } : {}),
});

for (const [what, given, expected] of [
  ['the image alone', draft(), ['/entry', 'default']],
  ['args replace cmd', draft(undefined, ['a']), ['/entry', 'a']],
  ['command drops cmd', draft(['/bin/sh']), ['/bin/sh']],
  ['both', draft(['/bin/sh'], ['-c', 'x']), ['/bin/sh', '-c', 'x']],
  ['an empty entrypoint switches it off', draft([''], ['a']), ['a']],
] as const) {
  test(what, () => assert.deepEqual(resolveArgs(given, image), expected));
}

test('no command at all is refused', () => {
  assert.throws(() => resolveArgs(draft(), {}), { code: 'invalid', message: 'no command specified' });
});

test('variables are overlaid, PATH has a default, a bare name stays, to remove', () => {
  assert.deepEqual(resolveEnv(['B=3', 'C'], ['A=1', 'B=2', 'C=4']).sort(), [
    'A=1',
    'B=3',
    'C',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ]);
});
