import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSignal } from './signals.ts';

for (const [text, number] of [
  ['SIGTERM', 15],
  ['term', 15],
  ['9', 9],
  ['KILL', 9],
  ['sigusr1', 10],
  ['RTMIN', 34],
  ['SIGRTMIN+3', 37],
  ['RTMAX-1', 63],
  ['64', 64],
] as const) {
  test(`${text} is ${number}`, () => assert.equal(parseSignal(text), number));
}

for (const text of ['', '0', '65', 'SIGFOO', '-1', 'RTMIN+99', '9.5']) {
  test(`'${text}' is refused`, () => {
    assert.throws(() => parseSignal(text), { code: 'invalid', message: `invalid signal: ${text}` });
  });
}
