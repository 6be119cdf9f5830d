import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBind } from './binds.ts';

test('binds: source, target, and one of each in the mode', () => {
  const one = (bind: string): string => {
    const { source, target, readOnly, copyUp } = parseBind(bind);
    return [source, target, readOnly ? 'ro' : 'rw', ...(copyUp ? [] : ['nocopy'])].join(' ');
  };
  assert.equal(one('/data'), ' /data rw');
  assert.equal(one('data:/data'), 'data /data rw');
  assert.equal(one('data:/data:ro,nocopy'), 'data /data ro nocopy');
  assert.equal(one('/src:/x:z,ro,cached'), '/src /x ro');
  for (const mode of ['slave', 'rslave', 'private', 'rprivate']) {
    assert.equal(one(`/:/host:ro,${mode}`), '/ /host ro');
  }
});

test('binds: what is wrong is refused in Docker’s words, what propagates back by its name', () => {
  const refused = (bind: string, message: RegExp, code = 'invalid'): void =>
    assert.throws(() => parseBind(bind), { code, message });
  refused('', /^invalid volume specification: ''$/);
  refused('/a:/b:ro:x', /^invalid volume specification/);
  refused('/a::ro', /^invalid volume specification/);
  refused('/a:b', /type "bind": invalid mount path: 'b' mount path must be absolute/);
  for (const mode of ['foo', 'ro,rw', 'z,Z', 'slave,rslave', 'ro,', 'cached,delegated']) {
    refused(`/a:/b:${mode}`, new RegExp(`^invalid mode: ${mode}$`));
  }
  refused('data:/b:slave', /type "volume": field BindOptions must not be specified/);
  refused('/a:/b:rshared', /^HostConfig.Binds option rshared is not supported/, 'unsupported');
});
