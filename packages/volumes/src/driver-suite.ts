import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf, MiB, messageOf } from '@kraud/base';
import type { VolumeDriver } from './contract.ts';

const code = (want: string) => (error: unknown) => codeOf(error) === want;

/** What every volume driver promises. `fresh` opens one on empty storage; `reopen` the same storage once more. */
export function volumeDriverSuite(
  name: string,
  world: () => Promise<{ fresh(): Promise<VolumeDriver>; reopen(): Promise<VolumeDriver> }>,
): void {
  const key = { tenant: 'default', name: 'data' };

  test(`${name}: a volume is there once made, also for the next daemon, until it is removed`, async () => {
    const { fresh, reopen } = await world();
    const driver = await fresh();
    await assert.rejects(driver.inspect(key), code('not-found'));
    const made = await driver.create(key, { sizeBytes: 64 * MiB });
    assert.deepEqual(await driver.create(key, { sizeBytes: 64 * MiB }), made);
    await assert.rejects(driver.create(key, { sizeBytes: 128 * MiB }), code('exists'));
    await driver.create({ tenant: 'other', name: 'data' });
    const next = await reopen();
    assert.deepEqual(await next.inspect(key), made);
    assert.deepEqual(await next.list('default'), [made]);
    assert.equal((await next.list()).length, 2);
    assert.ok((await next.usage(key)) > 0);
    await next.remove(key);
    await assert.rejects(next.remove(key), code('not-found'));
    await assert.rejects(next.usage(key), code('not-found'));
    assert.deepEqual(await (await reopen()).list('default'), []);
  });

  test(`${name}: two that make the same volume at once get the same one`, async () => {
    const driver = await (await world()).fresh();
    const [a, b] = await Promise.all([driver.create(key), driver.create(key)]);
    assert.deepEqual(a, b);
  });

  test(`${name}: bad names and options are refused by name`, async () => {
    const driver = await (await world()).fresh();
    for (const bad of ['', 'a', '../x', 'a/b', '.hidden', '-x', 'a b', 'ä1', 'x'.repeat(300)]) {
      await assert.rejects(async () => driver.create({ tenant: 'default', name: bad }), code('invalid'), bad);
    }
    for (const options of [
      { size: 'many' },
      { size: '-1' },
      { size: '1k' },
      { size: '9999t' },
      { colour: 'red' },
    ]) {
      assert.throws(() => driver.parseOptions(options), code('invalid'), JSON.stringify(options));
    }
    for (const option of ['type', 'o', 'device']) {
      assert.throws(
        () => driver.parseOptions({ [option]: 'nfs' }),
        (e) => codeOf(e) === 'unsupported' && messageOf(e).includes(`'${option}'`),
      );
    }
    assert.deepEqual(driver.parseOptions({ size: '64m' }), { sizeBytes: 64 * MiB });
    assert.deepEqual(await driver.list(), []);
  });

  test(`${name}: who holds a volume is known, and it can't be removed meanwhile`, async () => {
    const { fresh, reopen } = await world();
    const driver = await fresh();
    await assert.rejects(driver.attach(key, 'p1'), code('not-found'));
    await driver.create(key);
    const disk = await driver.attach(key, 'p1');
    assert.deepEqual(disk, { path: driver.path(key), fsType: 'ext4', role: 'keeper' });
    assert.deepEqual((await driver.inspect(key)).holders, [{ podId: 'p1', role: 'keeper' }]);
    await assert.rejects(driver.remove(key), code('conflict'));
    const next = await reopen();
    await next.adopt([
      { key, podId: 'p1', role: 'keeper' },
      { key, podId: 'p2', role: 'sharer' },
    ]);
    await next.detach(key, 'p1');
    await assert.rejects(next.remove(key), (e) => codeOf(e) === 'conflict' && messageOf(e).includes('p2'));
    assert.equal((await next.attach(key, 'p3')).role, 'sharer', 'the disk is for one that waits for it');
    await next.detachAll('p2');
    await next.detachAll('p2');
    await next.detachAll('p3');
    await next.remove(key);
  });

  test(`${name}: the first is the keeper, and another once that has gone`, async () => {
    const driver = await (await world()).fresh();
    await driver.create(key);
    const roles = await Promise.all(['p1', 'p2', 'p3'].map((pod) => driver.attach(key, pod)));
    assert.deepEqual(
      roles.map(({ role }) => role),
      ['keeper', 'sharer', 'sharer'],
    );
    assert.throws(() => driver.setRole(key, 'p2', 'keeper'), /p1 is the keeper/);
    await driver.detach(key, 'p1');
    driver.setRole(key, 'p2', 'keeper');
    assert.equal((await driver.attach(key, 'p2')).role, 'keeper');
    driver.setRole(key, 'p2', 'sharer');
    driver.setRole(key, 'p3', 'keeper');
    assert.throws(() => driver.setRole(key, 'p1', 'sharer'), code('not-found'));
    assert.deepEqual(driver.holders(key), [
      { podId: 'p2', role: 'sharer' },
      { podId: 'p3', role: 'keeper' },
    ]);
    await Promise.all([driver.detachAll('p2'), driver.detachAll('p3')]);
    assert.equal((await driver.attach(key, 'p1')).role, 'keeper');
  });
}
