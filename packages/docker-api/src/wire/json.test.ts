import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson } from './json.ts';

test('a body that is no JSON is refused in dockerd’s words', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{invalid', "invalid JSON: invalid character 'i' looking for beginning of object key string"],
    ['{"a":1,}', "invalid JSON: invalid character '}' looking for beginning of object key string"],
    ['{"a" 1}', "invalid JSON: invalid character '1' after object key"],
    ['{"a":1 2}', "invalid JSON: invalid character '2' after object key:value pair"],
    ['[1 2]', "invalid JSON: invalid character '2' after array element"],
    ['garbage', "invalid JSON: invalid character 'g' looking for beginning of value"],
    ['{"a":x}', "invalid JSON: invalid character 'x' looking for beginning of value"],
    ['{"a":"b\nc"}', "invalid JSON: invalid character '\n' in string literal"],
    ['{"a":', 'invalid JSON: unexpected EOF'],
    ['{"a', 'invalid JSON: unexpected EOF'],
    ['{} {}', 'unexpected content after JSON'],
  ];
  for (const [text, message] of cases) assert.throws(() => parseJson(text), { message });
  assert.deepEqual(parseJson(' {"a":[1]}\n'), { a: [1] });
});
