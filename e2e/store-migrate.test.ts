import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TestCloud } from './harness/cloud.ts';
import { type Result, run } from './harness/command.ts';
import { Etcd } from './harness/etcd.ts';

let cloud: TestCloud;
let etcd: Etcd;
before(async () => {
  etcd = await Etcd.start();
  // On etcd a host's pods outlive its daemon for as long as its lease does: here, for a slow machine.
  cloud = await TestCloud.start({ cradle: { warmMax: 1 }, host: { leaseTtlMs: 600_000 } });
});
after(async () => {
  await cloud?.stop();
  await etcd?.stop();
});

const kra = (...args: string[]): Promise<Result> =>
  run(join(import.meta.dirname, '../bin/kra'), args, { timeoutMs: 120_000 });

async function migrates(from: string, to: string): Promise<void> {
  const result = await kra('store', 'migrate', '--from', from, '--to', to);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stdout, /moved \d+ keys/);
}

async function refuses(from: string, to: string, message: RegExp): Promise<void> {
  const result = await kra('store', 'migrate', '--from', from, '--to', to);
  assert.equal(result.code, 1);
  assert.match(result.stderr, message);
}

test('a cloud moves to etcd and back while its container runs on', async () => {
  const id = await cloud.sh('while :; do sleep 0.1; done', ['--name', 'stays', '--label', 'a=b']);
  const seen = (): Promise<unknown> =>
    cloud.inspect(
      id,
      '[{{json .Id}},{{json .State.StartedAt}},{{json .State.Running}},{{json .Config.Labels}}]',
    );
  const before = await seen();
  const vmms = await cloud.vmms();
  await refuses(cloud.dir, etcd.address, /another kraudd uses/);
  await refuses(join(cloud.dir, 'none'), etcd.address, /holds no state/);

  await cloud.stopDaemon();
  await migrates(cloud.dir, etcd.address);
  cloud.args = ['--store', etcd.address];
  await cloud.startDaemon();
  assert.deepEqual(await seen(), before);
  assert.ok(
    (await cloud.vmms()).some((pid) => vmms.includes(pid)),
    'the same VMM',
  );
  assert.equal(await cloud.ok(['exec', id, 'echo', 'in']), 'in');
  const made = await cloud.sh('sleep 1000', ['--name', 'made-there']);

  await refuses(etcd.address, cloud.dir, /another kraudd uses/);
  await cloud.stopDaemon();
  await refuses(cloud.dir, `${etcd.address}/other`, /was moved to etcd:/);
  await migrates(etcd.address, cloud.dir);
  cloud.args = [];
  await cloud.startDaemon();
  assert.deepEqual(await seen(), before);
  assert.equal(await cloud.inspect(made, '{{json .State.Running}}'), true);
  assert.equal(await cloud.ok(['exec', id, 'echo', 'in']), 'in');
});

test('a store that was moved away is not started from', async () => {
  const place = await run(join(import.meta.dirname, '../bin/kraudd'), [
    ...['--data-dir', join(cloud.dir, 'second'), '--store', etcd.address],
  ]);
  assert.equal(place.code, 1);
  assert.match(place.stderr, /was moved to/);
});
