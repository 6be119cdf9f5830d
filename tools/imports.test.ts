import assert from 'node:assert/strict';
import { test } from 'node:test';
import { externalName, importsOf } from './imports.ts';

test('every way to import is seen', () => {
  const source = `
    import { a,
      b } from './a.ts';
    import type { T } from "./types.ts";
    import * as whole from 'node:fs';
    import 'side-effect';
    export * from '@kraud/base';
    export type { U } from './u.ts';
    const later = await import('late');
    export const x = 1;
  `;
  assert.deepEqual(
    new Set(importsOf(source)),
    new Set(['./a.ts', './types.ts', 'node:fs', '@kraud/base', './u.ts', 'side-effect', 'late']),
  );
});

test('comments and plain strings are no imports', () => {
  const source = `
    // import { a } from './a.ts';
    /* export * from './b.ts'; */
    const text = 'copied from "x"';
    export const from = 'y';
  `;
  assert.deepEqual(importsOf(source), []);
});

test('the package of a specifier', () => {
  assert.equal(externalName('typebox/compile'), 'typebox');
  assert.equal(externalName('@scope/name/sub'), '@scope/name');
  assert.equal(externalName('pino'), 'pino');
});
