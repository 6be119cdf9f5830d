import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTable } from '../../table.ts';
import { parseLabels } from './change.ts';

test('labels to set and to take away', () => {
  assert.deepEqual(parseLabels(['kr.zone=a', 'ssd=', 'old-', 'x=y=z', 'a-b=c-']), {
    'kr.zone': 'a',
    ssd: '',
    old: null,
    x: 'y=z',
    'a-b': 'c-',
  });
  for (const wrong of [['zone'], ['=a'], ['-'], ['a=1', 'a-']]) {
    assert.throws(() => parseLabels(wrong), { code: 'invalid' });
  }
});

test('a table has columns as wide as what is in them', () => {
  assert.equal(
    formatTable([
      ['NAME', 'ZONE'],
      ['host-1', 'a'],
    ]),
    'NAME    ZONE\nhost-1  a',
  );
});
