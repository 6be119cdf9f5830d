import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { image, TestCloud } from './harness/cloud.ts';
import { run } from './harness/command.ts';

// Two daemons on one machine, and what else may be on it.
let first: TestCloud;
let second: TestCloud;
before(async () => {
  first = await TestCloud.start({ cradle: { warmMax: 0 } });
});
after(async () => {
  await second?.stop();
  await first.stop();
});

const subnetOf = async (cloud: TestCloud, network: string): Promise<string> =>
  await cloud.ok(['network', 'inspect', '--format', '{{(index .IPAM.Config 0).Subnet}}', network]);

test('a daemon that is down keeps its subnets', async () => {
  await first.ok(['network', 'create', 'front']);
  const ours = [await subnetOf(first, 'bridge'), await subnetOf(first, 'front')];
  await first.stopDaemon();
  second = await TestCloud.start({ cradle: { warmMax: 0 } });
  await second.ok(['network', 'create', 'front']);
  for (const network of ['bridge', 'front']) {
    assert.ok(!ours.includes(await subnetOf(second, network)), `${network} of the second`);
  }
  await first.startDaemon();
  for (const cloud of [first, second])
    assert.equal(await cloud.ok(['run', '--rm', '--network', 'front', image, 'echo', 'hi']), 'hi');
});

test('a subnet that is another’s by now is told, and stops nothing else', async () => {
  const [own, front] = [await subnetOf(first, 'bridge'), await subnetOf(first, 'front')];
  const link = `kt${randomBytes(3).toString('hex')}`;
  const ip = async (...args: string[]): Promise<void> => {
    assert.equal((await run('ip', args)).code, 0, `ip ${args.join(' ')}`);
  };
  const warnings = async (): Promise<string> => await first.ok(['info', '--format', '{{json .Warnings}}']);
  await first.stopDaemon();
  await ip('link', 'add', link, 'type', 'bridge');
  try {
    for (const subnet of [own, front])
      await ip('addr', 'add', subnet.replace(/\.0\/16$/, '.1/16'), 'dev', link);
    await ip('link', 'set', link, 'up');
    await first.startDaemon();
    assert.notEqual(await subnetOf(first, 'bridge'), own);
    const words = new RegExp(
      `network front can't be used on this host: its subnet ${front} overlaps .*${link}`,
    );
    await first.fails(['run', '--rm', '--network', 'front', image, 'true'], words);
    assert.match(await warnings(), words);
    for (const network of ['bridge', 'none'])
      assert.equal(await first.ok(['run', '--rm', '--network', network, image, 'echo', 'hi']), 'hi');
  } finally {
    await run('ip', ['link', 'del', link]);
  }
  assert.equal(await first.ok(['run', '--rm', '--network', 'front', image, 'echo', 'hi']), 'hi');
  assert.doesNotMatch(await warnings(), /network front/);
});
